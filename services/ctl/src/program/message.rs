//! The messages of `exec/stream`, as the gateway documents them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roost_schemas::ProcessId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::Size;

/// What is to run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Start {
    pub(crate) cmd: String,
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    pub(crate) env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// Seconds until it is killed.
    pub(crate) timeout_sec: u64,
    /// Whether it is given input.
    pub(crate) stdin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pty: Option<Size>,
}

impl Start {
    /// The first message of a stream.
    pub(super) fn message(&self) -> serde_json::Result<Value> {
        let mut message = serde_json::to_value(self)?;
        message["type"] = json!("start");
        Ok(message)
    }
}

pub(super) fn stdin(bytes: &[u8]) -> Value {
    json!({"type": "stdin", "data": STANDARD.encode(bytes)})
}

pub(super) fn close_stdin() -> Value {
    json!({"type": "close_stdin"})
}

pub(super) fn resize(size: Size) -> Value {
    json!({"type": "resize", "cols": size.cols, "rows": size.rows})
}

pub(super) fn terminate() -> Value {
    json!({"type": "signal", "signal": "SIGTERM"})
}

/// What the gateway says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message {
    Started {
        process_id: ProcessId,
    },
    Output {
        channel: Channel,
        offset: u64,
        #[serde(deserialize_with = "base64")]
        data: Vec<u8>,
    },
    Gap {
        channel: Channel,
        from: u64,
        to: u64,
    },
    End(End),
    Error {
        code: String,
        message: String,
    },
}

/// How a program ended.
#[derive(Debug, Deserialize)]
pub(super) struct End {
    pub(super) status: Status,
    pub(super) exit_code: Option<i32>,
    pub(super) reason: Option<String>,
}

/// How a program ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Exited,
    Signaled,
    TimedOut,
    NotStarted,
    Unknown,
}

/// One of a program's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    Stdout,
    Stderr,
    /// Its terminal, in place of both.
    Pty,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_messages_are_read() {
        let read = |text: &str| serde_json::from_str::<Message>(text).unwrap();
        let output = r#"{"type":"output","channel":"pty","offset":7,"data":"aGk="}"#;
        assert!(
            matches!(read(output), Message::Output { channel: Channel::Pty, offset: 7, data } if data == b"hi")
        );
        let end = r#"{"type":"end","status":"timed_out","exit_code":124,"duration_ms":1,"stdout_bytes":0,"stderr_bytes":0,"sequence":9}"#;
        assert!(
            matches!(read(end), Message::End(end) if end.status == Status::TimedOut && end.exit_code == Some(124))
        );
    }

    #[test]
    fn a_start_says_what_it_is() {
        let start = Start {
            cmd: "ls".to_owned(),
            args: Vec::new(),
            cwd: None,
            env: BTreeMap::new(),
            user: None,
            timeout_sec: 5,
            stdin: false,
            pty: Some(Size { cols: 80, rows: 24 }),
        };
        assert_eq!(
            start.message().unwrap(),
            json!({"type": "start", "cmd": "ls", "args": [], "env": {}, "timeout_sec": 5, "stdin": false,
                "pty": {"cols": 80, "rows": 24}})
        );
    }
}
