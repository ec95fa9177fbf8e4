//! `GET /v2/sandboxes` and `GET /sandboxes`: the sandboxes that run, newest first.

mod cursor;
mod labels;
mod query;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use roost_domain::fleet::Fleet;
use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::{SandboxId, Sequence, Timestamp};

use self::cursor::{Cursor, Order};
use self::query::Query;
use super::dto::detail::Listed;
use crate::error::ApiError;
use crate::extract::Pairs;
use crate::state::Gateway;

/// In answers: what to send as `nextToken` for the next page; absent on the last one.
const NEXT_TOKEN: HeaderName = HeaderName::from_static("x-next-token");
/// In answers: how many run that the filters admit, on all pages.
const TOTAL_RUNNING: HeaderName = HeaderName::from_static("x-total-running");

/// All at once.
pub(super) async fn v1(
    State(gateway): State<Gateway>,
    Pairs(pairs): Pairs,
) -> Result<Json<Vec<Listed>>, ApiError> {
    let labels = pairs
        .iter()
        .filter(|(name, _)| name == "metadata")
        .map(|(_, text)| labels::parse(text));
    let query = Query {
        labels: labels.collect::<Result<Vec<_>, _>>()?.concat(),
        ..Query::default()
    };
    gateway.reach(Sequence::default()).await?;
    let all = gateway.fleet().read(|fleet| {
        let found = select(&gateway, fleet, &query);
        found
            .into_iter()
            .filter_map(|(_, id, sandbox)| Listed::of(fleet, id, sandbox))
            .collect()
    });
    Ok(Json(all))
}

/// Page by page.
pub(super) async fn v2(State(gateway): State<Gateway>, Pairs(pairs): Pairs) -> Result<Response, ApiError> {
    let query = Query::parse(pairs)?;
    gateway.reach(Sequence::default()).await?;
    if !query.running {
        return Ok(Json(Vec::<Listed>::new()).into_response());
    }
    let (total, page, next) = gateway
        .fleet()
        .read(|fleet| page(fleet, select(&gateway, fleet, &query), &query));
    let total = [(TOTAL_RUNNING, total.to_string())];
    let next = next.map(|cursor| [(NEXT_TOKEN, cursor.to_string())]);
    Ok((total, next, Json(page)).into_response())
}

type Found<'a> = (Timestamp, &'a SandboxId, &'a Sandbox);

/// Those that run and are asked for, in order. A sandbox that is not running yet has told no client its id.
fn select<'a>(gateway: &Gateway, fleet: &'a Fleet, query: &Query) -> Vec<Found<'a>> {
    let mut found: Vec<_> = fleet
        .live()
        .filter(|(tenant, ..)| *tenant == gateway.tenant())
        .filter(|(_, _, view)| view.state.phase == Phase::Running)
        .filter_map(|(_, id, view)| {
            let started = view.state.running.as_ref()?.started_at;
            Some((started, id, &view.state))
        })
        .filter(|(started, _, sandbox)| query.admits(*started, sandbox))
        .collect();
    found.sort_by_key(|(started, id, _)| (std::cmp::Reverse(*started), *id));
    if query.order == Order::Ascending {
        found.reverse();
    }
    found
}

/// How many there are, the page of them after the cursor, and the cursor to the next page.
fn page(fleet: &Fleet, found: Vec<Found<'_>>, query: &Query) -> (usize, Vec<Listed>, Option<Cursor>) {
    let total = found.len();
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
    let listed = taken
        .iter()
        .filter_map(|(_, id, sandbox)| Listed::of(fleet, id, sandbox));
    (total, listed.collect(), next)
}
