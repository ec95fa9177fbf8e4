//! `GET /v1/sandboxes/{id}/events`: what has happened to a sandbox, and what does.

use axum::extract::Request;
use axum::response::Response;

use super::tell;
use crate::error::{ApiError, EventErrors};
use crate::events::{Asked, EventPage};
use crate::extract::{Id, Pairs};
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Read or follow a sandbox's events
///
/// As `/v1/events`, of one sandbox. Oldest first, each with its place in the log. The events of one decision share a
/// sequence and are never split over two pages, so a page may exceed `limit` by the size of one decision.
#[utoipa::path(
    get,
    path = "/v1/sandboxes/{id}/events",
    operation_id = "list_events",
    tag = "events",
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("after" = Option<String>, Query, description = "The sequence to begin after, or the time to begin at in RFC 3339; 0, which is before all, if absent."),
        ("limit" = Option<u16>, Query, description = "Events of a page: 1 to 1000; 100 if absent."),
        ("type" = Option<String>, Query, description = "Types of events, separated by commas, such as `running,paused`."),
        ("tenant" = Option<String>, Query, description = "Whose sandbox it is; the operator may name any tenant."),
        ("Last-Event-ID" = Option<String>, Header, description = "Of server-sent events: the place to read on after, instead of `after`."),
    ),
    responses(
        (status = 101, description = "The connection is a WebSocket now; its messages are events."),
        (status = 200, description = "A page, or server-sent events.", content(
            (EventPage = "application/json"),
            (String = "text/event-stream"),
        )),
        EventErrors,
    )
)]
pub(crate) async fn list(
    gateway: Gateway,
    min: MinSequence,
    Id(id): Id,
    Pairs(pairs): Pairs,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::parse(pairs, Some(&id))?;
    gateway.reach(min.0).await?;
    let (gateway, whose) = asked.whose(&gateway)?;
    let known = gateway
        .fleet()
        .read(|fleet| Some(fleet.sandbox(whose.as_ref()?, &id)?.sequence));
    let known = known.ok_or_else(|| ApiError::no_sandbox(&id))?;
    tell(gateway, whose, asked, known, request).await
}
