//! What a policy may allow: a range of addresses, or names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Cidr, NamePattern};

/// A range such as `1.2.3.0/24`, or names such as `example.com` and `*.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// Addresses.
    Range(Cidr),
    /// Whatever addresses these names resolve to.
    Name(NamePattern),
}

/// Why a text is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is neither a range of addresses nor a name: write it as 1.2.3.4, 1.2.3.0/24, example.com or *.example.com"
)]
pub struct InvalidTarget {
    text: String,
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        if let Ok(range) = text.parse() {
            return Ok(Self::Range(range));
        }
        text.parse().map(Self::Name).map_err(|_| InvalidTarget {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Target {
    type Error = InvalidTarget;

    fn try_from(text: String) -> Result<Self, InvalidTarget> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_names_are_told_apart() {
        let read = |text: &str| text.parse::<Target>().unwrap();
        assert!(matches!(read("1.2.3.4"), Target::Range(_)));
        assert!(matches!(read("::1"), Target::Range(_)));
        assert!(matches!(read("*.example.com"), Target::Name(_)));
        for bad in ["1.2.3.4/33", "1.2.3", "", "http://example.com", "example.com:443"] {
            let error = bad.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn it_is_a_text_on_the_wire() {
        let both: Vec<Target> = serde_json::from_str(r#"["1.2.3.4","Example.com"]"#).unwrap();
        assert_eq!(
            serde_json::to_string(&both).unwrap(),
            r#"["1.2.3.4/32","example.com"]"#
        );
    }
}
