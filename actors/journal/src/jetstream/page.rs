//! Pages of the event log, by what a filter admits and from a place or a time on.

use jiff::Timestamp as Instant;
use roost_schemas::subject::{ALL_EVENTS, EventFilter};
use roost_schemas::{Sequence, Timestamp};

use super::direct::{self, Start};
use super::journal::stored;
use super::link::Link;
use super::streams::EVENTS;
use crate::port::{JournalError, Page};

/// The first commits that `filter` admits after `after`.
pub(super) async fn page(
    link: &Link,
    filter: &EventFilter,
    after: Sequence,
    bytes: u32,
) -> Result<Page, JournalError> {
    let filter = filter.to_string();
    let mut last = after.0;
    loop {
        let read = direct::page(link, EVENTS, &filter, Start::After(last), bytes).await;
        let direct::Page { messages, more } = read.map_err(unavailable)?;
        last = messages.last().map_or(last, |message| message.sequence);
        let mut records = Vec::with_capacity(messages.len());
        for message in messages {
            match stored(message) {
                Ok(record) => records.push(record),
                Err(JournalError::Foreign(foreign)) => tracing::warn!(%foreign, "it is left out of a page"),
                Err(error) => return Err(error),
            }
        }
        if !(records.is_empty() && more) {
            return Ok(Page { records, more });
        }
    }
}

/// Where the last message stands that was stored before `time`; nothing if all were.
pub(super) async fn before(link: &Link, time: Timestamp) -> Result<Option<Sequence>, JournalError> {
    let instant = i64::try_from(time.0)
        .ok()
        .and_then(|time| Instant::from_millisecond(time).ok());
    let Some(instant) = instant else {
        return Ok(None);
    };
    let start = Start::At(instant.to_string());
    let read = direct::page(link, EVENTS, ALL_EVENTS, start, 1).await;
    let first = read.map_err(unavailable)?.messages.into_iter().next();
    Ok(first.map(|message| Sequence(message.sequence - 1)))
}

fn unavailable(detail: String) -> JournalError {
    JournalError::Unavailable {
        action: "read a page",
        detail,
    }
}
