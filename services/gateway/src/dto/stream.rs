//! The messages of a program's WebSocket, each a JSON text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roost_schemas::event::ExitStatus;
use roost_schemas::output;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::exec::{ExecRequest, Pty, SIGNALED, TIMED_OUT};
use super::process::Signal;
use crate::error::{ApiError, Code};

/// From the client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum StreamRequest {
    /// Run this; only as the first message, and only where the query names no process.
    Start(ExecRequest),
    /// Give the program input: its terminal's, if it has one.
    Stdin {
        /// In base64 (RFC 4648, padded).
        #[serde(deserialize_with = "base64")]
        #[schema(value_type = String)]
        data: Vec<u8>,
    },
    /// End its input. At a terminal, type what ends it there.
    CloseStdin,
    /// Give its terminal another size.
    Resize(Pty),
    /// Send it a signal.
    Signal {
        /// Which.
        signal: Signal,
    },
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
}

/// From the server.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum StreamMessage {
    /// The program is in the log; the first message.
    Started {
        process_id: String,
        /// Where it was admitted.
        sequence: u64,
        /// Under which repeating the start finds this very run.
        #[serde(skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
    },
    /// It wrote something.
    Output {
        channel: Channel,
        /// Where the bytes begin in that channel.
        offset: u64,
        /// In base64 (RFC 4648, padded).
        data: String,
    },
    /// It wrote something that is not kept, or not any more.
    Gap {
        channel: Channel,
        /// The first byte that is missing.
        from: u64,
        /// The first byte after those that are missing.
        to: u64,
    },
    /// It has ended; nothing follows.
    End(End),
    /// Something failed: a message could not be understood or carried out, which leaves the rest as it is; or the stream
    /// itself, which is closed then. The program runs on.
    Error {
        code: Code,
        /// What was wrong, which value, what to do.
        message: String,
    },
}

/// How a program ended.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct End {
    status: Status,
    /// Its exit code; 128 + `signal` if a signal ended it; 124 if its time was over; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// The number of the signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    /// Why it was not started, or why nobody knows its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Milliseconds from its admission to its end.
    duration_ms: u64,
    /// All bytes it wrote to standard output, or to its terminal.
    stdout_bytes: u64,
    /// All bytes it wrote to standard error.
    stderr_bytes: u64,
    /// Where its `process_exited` event stands in the log.
    sequence: u64,
}

/// How a program ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// By itself.
    Exited,
    /// By a signal.
    Signaled,
    /// Killed when its time was over.
    TimedOut,
    /// It could not be run at all.
    NotStarted,
    /// Nobody knows: the connection to its guest broke, or its sandbox ended first.
    Unknown,
}

/// Which of a program's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Its terminal, in place of both.
    Pty,
}

impl From<output::Channel> for Channel {
    fn from(channel: output::Channel) -> Self {
        match channel {
            output::Channel::Stdout => Self::Stdout,
            output::Channel::Stderr => Self::Stderr,
            output::Channel::Pty => Self::Pty,
        }
    }
}

impl StreamMessage {
    pub(crate) fn output(channel: output::Channel, offset: u64, data: &[u8]) -> Self {
        Self::Output {
            channel: channel.into(),
            offset,
            data: STANDARD.encode(data),
        }
    }
}

impl End {
    pub(crate) fn new(
        ended: ExitStatus,
        duration_ms: u64,
        [stdout_bytes, stderr_bytes]: [u64; 2],
        sequence: u64,
    ) -> Self {
        let (status, exit_code, signal, reason) = match ended {
            ExitStatus::Exited { code } => (Status::Exited, Some(code), None, None),
            ExitStatus::Signaled { signal } => {
                let code = SIGNALED.saturating_add(signal);
                (Status::Signaled, Some(code), Some(signal), None)
            }
            ExitStatus::TimedOut => (Status::TimedOut, Some(TIMED_OUT), None, None),
            ExitStatus::NotStarted { reason } => (Status::NotStarted, None, None, Some(reason)),
            ExitStatus::Unknown { reason } => (Status::Unknown, None, None, Some(reason)),
        };
        Self {
            status,
            exit_code,
            signal,
            reason,
            duration_ms,
            stdout_bytes,
            stderr_bytes,
            sequence,
        }
    }
}

impl From<ApiError> for StreamMessage {
    fn from(ApiError { code, message }: ApiError) -> Self {
        Self::Error { code, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StreamRequest, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_clients_send_is_read_or_refused_in_words() {
        assert!(matches!(
            read(r#"{"type":"start","cmd":"ls"}"#),
            Ok(StreamRequest::Start(_))
        ));
        assert!(
            matches!(read(r#"{"type":"stdin","data":"aGk="}"#), Ok(StreamRequest::Stdin { data }) if data == b"hi")
        );
        assert!(matches!(
            read(r#"{"type":"close_stdin"}"#),
            Ok(StreamRequest::CloseStdin)
        ));
        let resize = r#"{"type":"resize","cols":80,"rows":24}"#;
        assert!(matches!(read(resize), Ok(StreamRequest::Resize(_))));
        let signal = r#"{"type":"signal","signal":"SIGTERM"}"#;
        assert!(matches!(read(signal), Ok(StreamRequest::Signal { .. })));
        for (bad, word) in [
            ("[]", "missing field `type`"),
            ("{}", "missing field `type`"),
            (r#"{"type":"dance"}"#, "unknown variant `dance`"),
            (r#"{"type":"start","cmd":"ls","hue":1}"#, "unknown field `hue`"),
            (r#"{"type":"stdin","data":"*"}"#, "Invalid"),
            (r#"{"type":"resize","cols":-1,"rows":24}"#, "-1"),
            (
                r#"{"type":"signal","signal":"SIGSTOP"}"#,
                "unknown variant `SIGSTOP`",
            ),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
