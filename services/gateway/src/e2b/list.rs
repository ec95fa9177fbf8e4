//! `GET /v2/sandboxes` and `GET /sandboxes`: the sandboxes that run or are paused, newest first.

mod cursor;
mod labels;
mod query;

use axum::Json;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use roost_domain::fleet::{Fleet, View};
use roost_domain::sandbox::Sandbox;
use roost_schemas::{SandboxId, Sequence, Timestamp};

use self::cursor::{Cursor, Order};
use self::query::Query;
use super::dto::detail::{Listed, State as SandboxState};
use super::errors::ListErrors;
use super::openapi::TAG;
use crate::error::ApiError;
use crate::extract::Pairs;
use crate::state::Gateway;

/// In answers: what to send as `nextToken` for the next page; absent on the last one.
const NEXT_TOKEN: HeaderName = HeaderName::from_static("x-next-token");
/// In answers: how many run that the filters admit, on all pages.
const TOTAL_RUNNING: HeaderName = HeaderName::from_static("x-total-running");

/// List sandboxes, as old clients do
///
/// Those that run, all at once.
#[utoipa::path(
    get,
    path = "/sandboxes",
    operation_id = "e2b_list_sandboxes_v1",
    tag = TAG,
    params(
        ("metadata" = Option<String>, Query, description = "Labels that it must have: `key=value` pairs joined by `&`, each part percent-encoded once more than the query is.",
            example = "owner=ci"),
    ),
    responses(
        (status = 200, description = "All of them, the newest first.", body = Vec<Listed>),
        ListErrors
    )
)]
pub(super) async fn v1(gateway: Gateway, Pairs(pairs): Pairs) -> Result<Json<Vec<Listed>>, ApiError> {
    let labels = pairs
        .iter()
        .filter(|(name, _)| name == "metadata")
        .map(|(_, text)| labels::parse(text));
    let query = Query {
        labels: labels.collect::<Result<Vec<_>, _>>()?.concat(),
        states: vec![SandboxState::Running],
        ..Query::default()
    };
    gateway.reach(Sequence::default()).await?;
    let all = gateway.fleet().read(|fleet| {
        let found = select(&gateway, fleet, &query);
        found
            .into_iter()
            .filter_map(|(_, id, view)| Listed::of(fleet, gateway.tenant(), id, view))
            .collect()
    });
    Ok(Json(all))
}

/// List sandboxes
///
/// Those that run, or are paused, page by page.
#[utoipa::path(
    get,
    path = "/v2/sandboxes",
    operation_id = "e2b_list_sandboxes",
    tag = TAG,
    params(
        ("metadata" = Option<String>, Query, description = "Labels that it must have: `key=value` pairs joined by `&`, each part percent-encoded once more than the query is.",
            example = "owner=ci"),
        ("state" = Option<String>, Query, description = "`running`, `paused` or both, separated by a comma; both if absent."),
        ("order" = Option<String>, Query, description = "By their starts: `desc`, the newest first, if absent, or `asc`."),
        ("startedAfter" = Option<String>, Query, description = "The earliest start."),
        ("template" = Option<String>, Query, description = "What it started from."),
        ("limit" = Option<u16>, Query, description = "Entries of a page; 100 if absent."),
        ("nextToken" = Option<String>, Query, description = "The `X-Next-Token` of the page before."),
    ),
    responses(
        (status = 200, description = "A page.", body = Vec<Listed>,
            headers(
                ("X-Next-Token" = String, description = "The `nextToken` of the next page; absent on the last."),
                ("X-Total-Running" = u64, description = "How many run, on all pages, if those that run are asked for."),
            )),
        ListErrors
    )
)]
pub(super) async fn v2(gateway: Gateway, Pairs(pairs): Pairs) -> Result<Response, ApiError> {
    let query = Query::parse(pairs)?;
    gateway.reach(Sequence::default()).await?;
    let (total, page, next) = gateway.fleet().read(|fleet| {
        let (total, page, next) = page(select(&gateway, fleet, &query), &query);
        let listed = page
            .iter()
            .filter_map(|(_, id, view)| Listed::of(fleet, gateway.tenant(), id, view));
        (total, listed.collect::<Vec<_>>(), next)
    });
    let total = query.states.contains(&SandboxState::Running).then_some(total);
    let total = total.map(|total| [(TOTAL_RUNNING, total.to_string())]);
    let next = next.map(|cursor| [(NEXT_TOKEN, cursor.to_string())]);
    Ok((total, next, Json(page)).into_response())
}

type Found<'a> = (Timestamp, &'a SandboxId, &'a View<Sandbox>);

/// Those that are asked for, in order. A sandbox that has not run yet has told no client its id.
fn select<'a>(gateway: &Gateway, fleet: &'a Fleet, query: &Query) -> Vec<Found<'a>> {
    let mut found: Vec<_> = fleet
        .live()
        .filter(|(tenant, ..)| *tenant == gateway.tenant())
        .filter(|(tenant, id, _)| fleet.unreadable_sandbox(tenant, id).is_none())
        .filter_map(|(_, id, view)| Some((view.state.running.as_ref()?.started_at, id, view)))
        .filter(|(started, _, view)| query.admits(*started, &view.state))
        .collect();
    found.sort_by_key(|(started, id, _)| (std::cmp::Reverse(*started), *id));
    if query.order == Order::Ascending {
        found.reverse();
    }
    found
}

/// How many of them run, the page of them after the cursor, and the cursor to the next page.
fn page<'a>(found: Vec<Found<'a>>, query: &Query) -> (usize, Vec<Found<'a>>, Option<Cursor>) {
    let runs = |view: &View<Sandbox>| SandboxState::of(view.state.phase) == Some(SandboxState::Running);
    let total = found.iter().filter(|(_, _, view)| runs(view)).count();
    let mut rest = found.into_iter().filter(|(started, id, _)| {
        query
            .after
            .as_ref()
            .is_none_or(|after| after.precedes(*started, id))
    });
    let taken: Vec<_> = rest.by_ref().take(query.limit).collect();
    let more = rest.next().is_some();
    let last = taken.last().filter(|_| more);
    let next = last.map(|(started, id, _)| Cursor {
        order: query.order,
        started: *started,
        id: (*id).clone(),
    });
    (total, taken, next)
}
