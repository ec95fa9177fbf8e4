//! Pages of events: as many as were asked for, of as much of the log as is looked through at a time.

use roost_schemas::Sequence;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::frame::{Event, closing, frames};
use super::hub::Whose;
use super::pick::Pick;
use crate::error::ApiError;
use crate::state::Gateway;

/// Bytes that are read from the log at a time.
const READ: u32 = 256 << 10;
/// How often that is done for one page: a filter that admits little does not look through the whole log at once.
const READS: usize = 16;
/// Bytes of events that a page has, but for its last commit.
const MAX_BYTES: usize = 512 << 10;

/// A part of the events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    #[schema(value_type = Vec<Event<'_>>)]
    pub(crate) events: Vec<Box<RawValue>>,
    /// What to send as `after` for what follows, now or later.
    pub(crate) next_after: u64,
    /// Whether there is more of the log to look through already. A page may have no events and say so.
    pub(crate) more: bool,
}

/// What `pick` admits of `whose` after `after`: `limit` events, and those that share a sequence with the last.
pub(crate) async fn page(
    gateway: &Gateway,
    whose: &Whose,
    pick: &Pick,
    after: Sequence,
    limit: usize,
) -> Result<EventPage, ApiError> {
    let filter = pick.filter(whose.as_ref());
    let mut page = EventPage {
        events: Vec::new(),
        next_after: after.0,
        more: true,
    };
    let mut bytes = 0;
    for _ in 0..READS {
        let read = gateway
            .ports()
            .journal
            .page(&filter, Sequence(page.next_after), READ);
        let read = read.await?;
        for record in &read.records {
            if page.events.len() >= limit || bytes >= MAX_BYTES {
                return Ok(page);
            }
            let admitted = pick.admits(&record.subject)
                && (!pick.needs_fleet()
                    || gateway
                        .fleet()
                        .read(|fleet| pick.labelled(fleet, &record.subject)));
            if admitted {
                let told = frames(record).events;
                let mut told: Vec<_> = told
                    .into_iter()
                    .filter(|frame| pick.admits_kind(&frame.kind))
                    .map(|frame| frame.text)
                    .collect();
                if let Some(last) = told.last_mut() {
                    *last = closing(last);
                }
                bytes += told.iter().map(String::len).sum::<usize>();
                let told = told.into_iter().map(RawValue::from_string);
                page.events.extend(told.filter_map(Result::ok));
            }
            page.next_after = record.sequence.0;
        }
        if !read.more {
            page.more = false;
            return Ok(page);
        }
    }
    Ok(page)
}
