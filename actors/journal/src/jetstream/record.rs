//! From a stored message to a [`Record`].

use async_nats::datetime::DateTime;
use async_nats::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{Sequence, Timestamp};

use super::streams::EVENTS;
use crate::dedupe;
use crate::port::{Foreign, JournalError, Record};

/// The stream in which a message was meant to be stored by whoever published it.
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
/// The stream from which the server has read a message that somebody asked for.
const READ_FROM: &str = "Nats-Stream";

/// Reads a message of `EVENTS`, out of a read if that is how it came; one that we did not write is
/// [`JournalError::Foreign`].
pub(super) fn record(
    subject: &str,
    sequence: u64,
    headers: Option<&HeaderMap>,
    stored_at: Timestamp,
    payload: Bytes,
    by: Came,
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
    if headers.is_some_and(|headers| !is_original(&subject, headers, by)) {
        return Err(foreign("it was not published here, but sent on by the server".to_owned()).into());
    }
    Ok(Record {
        subject,
        sequence,
        command_id,
        stored_at,
        payload,
    })
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// By a consumer.
    Delivered,
    /// As the answer to a direct read, to which the server adds from where.
    Read,
}

/// Whether whoever published a message published it here.
///
/// The server does not check where the answer to a read goes, nor what a consumer delivers to: by those, somebody whose
/// permissions do not reach a subject can still have the server store there what it has stored elsewhere. An answer says from
/// where it was read. What a consumer of another stream delivers expects to be in that stream, if it says so at all; the
/// keys and webhooks of tenants must (there are no older ones that do not), because they decide who is let in.
fn is_original(subject: &EventSubject, headers: &HeaderMap, by: Came) -> bool {
    let read = headers.get_all(READ_FROM).count();
    let expected = headers.get(EXPECTED_STREAM).map(HeaderValue::as_str);
    let must = matches!(
        subject.aggregate,
        AggregateId::Tenant(_) | AggregateId::Webhook(_)
    );
    read == usize::from(by == Came::Read) && (!must || expected == Some(EVENTS))
}

/// The server's nanoseconds as our milliseconds.
pub(super) fn timestamp(time: DateTime) -> Timestamp {
    Timestamp(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}
