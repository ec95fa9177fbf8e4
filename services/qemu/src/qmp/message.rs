//! What QEMU says.

use serde_json::Value;

/// One line from QEMU.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// The first line, with QEMU's version.
    Greeting { version: String },
    /// A command has been carried out.
    Return { id: Option<u64>, value: Value },
    /// A command has been refused.
    Error { id: Option<u64>, description: String },
    /// Something happened.
    Event { name: String },
}

impl Message {
    /// Reads a line; nothing when it is none of these.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut object: Value = serde_json::from_slice(line).ok()?;
        let object = object.as_object_mut()?;
        let id = object.get("id").and_then(Value::as_u64);
        if let Some(value) = object.remove("return") {
            Some(Self::Return { id, value })
        } else if let Some(error) = object.get("error") {
            let description = error
                .get("desc")
                .and_then(Value::as_str)
                .unwrap_or("no description")
                .to_owned();
            Some(Self::Error { id, description })
        } else if let Some(name) = object.get("event").and_then(Value::as_str) {
            Some(Self::Event {
                name: name.to_owned(),
            })
        } else {
            let version = version(object.get("QMP")?);
            Some(Self::Greeting { version })
        }
    }
}

/// As `qemu-system-x86_64 --version` writes it: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)`.
fn version(greeting: &Value) -> String {
    let number = |name: &str| {
        let found = greeting["version"]["qemu"][name].as_u64();
        found.unwrap_or_default()
    };
    let mut version = format!("{}.{}.{}", number("major"), number("minor"), number("micro"));
    let package = greeting["version"]["package"].as_str();
    if let Some(package) = package.filter(|package| !package.is_empty()) {
        version.extend([" (", package, ")"]);
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_four_kinds_of_line() {
        assert_eq!(
            Message::parse(
                br#"{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":"Debian 1:7.2"}}}"#
            ),
            Some(Message::Greeting {
                version: "7.2.22 (Debian 1:7.2)".to_owned()
            })
        );
        assert_eq!(
            Message::parse(br#"{"return":{},"id":3}"#),
            Some(Message::Return {
                id: Some(3),
                value: serde_json::json!({})
            })
        );
        let error = Message::parse(br#"{"error":{"class":"GenericError","desc":"no"},"id":4}"#);
        assert_eq!(
            error,
            Some(Message::Error {
                id: Some(4),
                description: "no".to_owned()
            })
        );
        assert_eq!(
            Message::parse(br#"{"event":"STOP"}"#),
            Some(Message::Event {
                name: "STOP".to_owned()
            })
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::parse(&line);
        }
    }
}
