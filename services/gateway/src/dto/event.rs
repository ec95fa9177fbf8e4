//! Events as the log has them.

use roost_journal::port::Record;
use roost_schemas::codec::Undecodable;
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// One event. Those of one decision share a sequence, and come together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Where its commit stands in the log.
    sequence: u64,
    /// When the command that led to it was issued.
    #[schema(format = DateTime)]
    at: String,
    /// What it is about, as a NATS subject.
    subject: String,
    /// What happened, such as `running`.
    #[serde(rename = "type")]
    kind: String,
    /// The details; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    data: Option<serde_json::Value>,
}

/// How events are tagged on the wire.
#[derive(serde::Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: String,
    data: Option<serde_json::Value>,
}

/// The events of the commit in `record`.
pub(crate) fn events(record: &Record) -> Result<Vec<Event>, Undecodable> {
    let commit = Commit::<SandboxEvent>::decode(&record.payload)?;
    let events = commit.events.iter().map(|event| {
        let tagged = serde_json::to_value(event).and_then(serde_json::from_value::<Tagged>);
        let Tagged { kind, data } = tagged.expect("our own events are tagged and have string keys");
        Event {
            sequence: record.sequence.0,
            at: rfc3339(commit.at),
            subject: record.subject.to_string(),
            kind,
            data,
        }
    });
    Ok(events.collect())
}

/// A part of a sandbox's events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<Event>,
    /// What to send as `after` for what follows, now or later.
    pub(crate) next_after: u64,
    /// Whether more is there already.
    pub(crate) more: bool,
}
