//! `GET /v1/events`: what happens to a tenant's sandboxes, templates, keys and webhooks.

use axum::extract::Request;
use axum::response::Response;

use super::tell;
use crate::error::{ApiError, EventErrors};
use crate::events::{Asked, EventPage};
use crate::extract::Pairs;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Read or follow events
///
/// A page of them; or, with `Accept: text/event-stream` or as a WebSocket, all of them after `after` as they come, for as
/// long as the client reads: each as one message like an entry of a page. A stream tells every 15 s by a `heartbeat`, which
/// has no subject, up to where it has told all; it ends with an `end`, which says why. Read on with the sequence of the last
/// message without `more`: nothing is left out, whichever gateway is asked. Filters name what is told; of each kind one
/// must fit.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "list_all_events",
    tag = "events",
    params(
        ("after" = Option<String>, Query, description = "The sequence to begin after, or the time to begin at in RFC 3339; 0, which is before all, if absent."),
        ("limit" = Option<u16>, Query, description = "Events of a page: 1 to 1000; 100 if absent."),
        ("sandbox" = Option<String>, Query, description = "Sandboxes, separated by commas."),
        ("type" = Option<String>, Query, description = "Types of events, separated by commas, such as `running,paused`."),
        ("metadata.{key}" = Option<String>, Query, description = "The value that this label of a sandbox must have.",
            example = "metadata.owner=ci"),
        ("tenant" = Option<String>, Query, description = "Whose events; the operator may name any tenant, or `*` for all."),
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
    Pairs(pairs): Pairs,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::parse(pairs, None)?;
    gateway.reach(min.0).await?;
    let (gateway, whose) = asked.whose(&gateway)?;
    let known = gateway.fleet().applied();
    tell(gateway, whose, asked, known, request).await
}
