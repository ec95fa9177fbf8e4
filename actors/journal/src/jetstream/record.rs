//! From a stored message to a [`Record`].

use async_nats::datetime::DateTime;
use async_nats::{HeaderMap, header};
use bytes::Bytes;
use roost_schemas::subject::EventSubject;
use roost_schemas::{Sequence, Timestamp};

use crate::dedupe;
use crate::port::{Foreign, JournalError, Record};

/// Reads a message of `EVENTS`; one that we did not write is [`JournalError::Foreign`].
pub(super) fn record(
    subject: &str,
    sequence: u64,
    headers: Option<&HeaderMap>,
    stored_at: Timestamp,
    payload: Bytes,
) -> Result<Record, JournalError> {
    let sequence = Sequence(sequence);
    let foreign = |detail: String| {
        let subject = subject.to_owned();
        Foreign {
            sequence,
            subject,
            detail,
        }
    };
    let subject: EventSubject = subject.parse().map_err(|error| foreign(format!("{error}")))?;
    let id = headers
        .and_then(|headers| headers.get(header::NATS_MESSAGE_ID))
        .ok_or_else(|| foreign(format!("it has no {} header", header::NATS_MESSAGE_ID)))?;
    let command_id = dedupe::command(&subject, id.as_str()).map_err(foreign)?;
    Ok(Record {
        subject,
        sequence,
        command_id,
        stored_at,
        payload,
    })
}

/// The server's nanoseconds as our milliseconds.
pub(super) fn timestamp(time: DateTime) -> Timestamp {
    Timestamp(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}
