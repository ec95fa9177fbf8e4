//! Frames: one event of the log each, as one JSON text.

use roost_journal::port::Record;
use roost_schemas::subject::EventSubject;
use roost_schemas::telling::{Telling, Told, tell};
use roost_schemas::{Sequence, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::dto::rfc3339;

/// The type of a frame for a commit that this release cannot read. Leaving it out would look like a gap-free stream.
const UNREADABLE: &str = "unreadable";
/// What ends the text of a frame that is not the last of its commit.
const MORE: &str = r#","more":true}"#;

/// The frames of one commit.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) subject: EventSubject,
    pub(crate) sequence: Sequence,
    pub(crate) events: Vec<Frame>,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Its type.
    pub(crate) kind: String,
    /// All of it, as JSON.
    pub(crate) text: String,
}

/// What a frame says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event<'a> {
    /// Where its commit stands in the log. The events of one decision share it.
    sequence: u64,
    /// When the command that led to it was issued.
    #[schema(format = DateTime)]
    at: &'a str,
    /// What it is about, as a NATS subject.
    subject: &'a str,
    /// What happened, such as `running`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The details; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    data: Option<&'a RawValue>,
    /// True if another event of the same sequence follows: whoever stops here has not read that sequence whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(default = false)]
    more: bool,
}

/// What a stream tells of itself: it has no subject.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notice<'a> {
    /// All up to here has been told, as far as it was asked for.
    pub(crate) sequence: u64,
    /// When this was sent.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// `heartbeat`; or `end`, after which nothing follows.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Why it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) data: Option<Reason<'a>>,
}

/// Why a stream ends.
#[derive(Debug, Serialize)]
pub(crate) struct Reason<'a> {
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
}

impl Notice<'_> {
    /// That the stream is alive, and how far it has come.
    pub(crate) fn heartbeat(sequence: Sequence) -> String {
        let notice = Self {
            sequence: sequence.0,
            at: rfc3339(Timestamp::now()),
            kind: "heartbeat",
            data: None,
        };
        notice.text()
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("it has string keys")
    }
}

/// The frames of the commit in `record`.
pub(crate) fn frames(record: &Record) -> Frames {
    let telling = tell(&record.subject, &record.payload).unwrap_or_else(|reason| {
        let reason = serde_json::json!({ "reason": reason.to_string() });
        Telling {
            at: record.stored_at,
            principal: String::new(),
            events: vec![Told {
                kind: UNREADABLE.to_owned(),
                data: serde_json::value::to_raw_value(&reason).ok(),
            }],
        }
    });
    let (at, subject) = (rfc3339(telling.at), record.subject.to_string());
    let last = telling.events.len().saturating_sub(1);
    let told = telling.events.into_iter().enumerate();
    let frames = told.map(|(index, Told { kind, data })| {
        let event = Event {
            sequence: record.sequence.0,
            at: &at,
            subject: &subject,
            kind: &kind,
            data: data.as_deref(),
            more: index < last,
        };
        let text = serde_json::to_string(&event).expect("it has string keys");
        Frame { kind, text }
    });
    Frames {
        events: frames.collect(),
        subject: record.subject.clone(),
        sequence: record.sequence,
    }
}

/// The same frame for a reader whom no more of its commit is told.
pub(crate) fn closing(text: &str) -> String {
    match text.strip_suffix(MORE) {
        Some(begin) => format!("{begin}}}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use roost_schemas::commit::{Commit, SCHEMA_VERSION};
    use roost_schemas::event::SandboxEvent;
    use roost_schemas::{CommandId, SandboxId, TenantId};

    use super::*;

    fn record(payload: Vec<u8>) -> Record {
        Record {
            subject: EventSubject::sandbox(TenantId::first(), SandboxId::new("s1").unwrap()),
            sequence: Sequence(7),
            command_id: CommandId::new("c1").unwrap(),
            stored_at: Timestamp(1_700_000_000_000),
            payload: payload.into(),
        }
    }

    #[test]
    fn all_but_the_last_frame_of_a_commit_say_that_more_follows() {
        let commit = Commit {
            command_id: CommandId::new("c1").unwrap(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(1_700_000_000_120),
            principal: "test".to_owned(),
            events: vec![SandboxEvent::Stopped, SandboxEvent::Stopped],
        };
        let told = frames(&record(commit.encode()));
        let [first, last] = &told.events[..] else {
            panic!("{told:?}")
        };
        let whole = r#"{"sequence":7,"at":"2023-11-14T22:13:20.120Z","subject":"roost.evt.default.sandbox.s1","type":"stopped"}"#;
        assert_eq!((last.text.as_str(), last.kind.as_str()), (whole, "stopped"));
        assert!(first.text.ends_with(r#","more":true}"#));
        assert_eq!(closing(&first.text), whole);
        assert_eq!(closing(&last.text), whole);
    }

    #[test]
    fn what_cannot_be_read_is_told_as_such() {
        let told = frames(&record(b"nonsense".to_vec()));
        let value: serde_json::Value = serde_json::from_str(&told.events[0].text).unwrap();
        assert_eq!(
            (&value["type"], &value["sequence"]),
            (&"unreadable".into(), &7.into())
        );
        assert!(value["data"]["reason"].is_string());
    }
}
