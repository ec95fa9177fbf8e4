//! `GET /v1/sandboxes/{id}/events`: what has happened to a sandbox, straight from the log.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::Sequence;

use super::answer;
use crate::dto::event::{EventPage, events};
use crate::error::{ApiError, ReadErrors};
use crate::extract::{Id, Pairs, number, unknown};
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Read a sandbox's events
///
/// Oldest first, each with its place in the log. The events of one decision share a sequence and are never split over
/// two pages, so a page may exceed `limit` by the size of one decision.
#[utoipa::path(
    get,
    path = "/v1/sandboxes/{id}/events",
    operation_id = "list_events",
    tag = "sandboxes",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("after" = Option<u64>, Query, description = "The sequence to begin after; 0, which is before all, if absent."),
        ("limit" = Option<u16>, Query, description = "Events of a page: 1 to 1000; 100 if absent."),
    ),
    responses((status = 200, description = "A page.", body = EventPage), ReadErrors)
)]
pub(crate) async fn list(
    gateway: Gateway,
    min: MinSequence,
    Id(id): Id,
    Pairs(pairs): Pairs,
) -> Result<Response, ApiError> {
    let (mut after, mut limit) = (0, DEFAULT_PAGE);
    for (name, value) in pairs {
        match name.as_str() {
            "after" => after = number("after", &value, 0..=u64::MAX)?,
            "limit" => limit = number("limit", &value, 1..=MAX_PAGE)?,
            _ => return Err(unknown(&name, "after or limit")),
        }
    }
    gateway.reach(min.0).await?;
    let known = gateway
        .fleet()
        .read(|fleet| Some(fleet.sandbox(gateway.tenant(), &id)?.sequence));
    let known = known.ok_or_else(|| ApiError::no_sandbox(&id))?;
    let mut page = EventPage {
        events: Vec::new(),
        next_after: after,
        more: false,
    };
    // A reader that has seen all that this gateway has seen is not worth asking the log for.
    if Sequence(after) < known {
        page.more = gateway
            .search(&gateway.subject(&id), Sequence(after), |record| {
                if page.events.len() >= limit {
                    return Ok(Some(()));
                }
                page.events.extend(events(&record)?);
                page.next_after = record.sequence.0;
                Ok(None)
            })
            .await?
            .is_some();
    }
    Ok(answer(StatusCode::OK, known.max(Sequence(page.next_after)), page))
}
