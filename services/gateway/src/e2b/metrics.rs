//! `GET /sandboxes/{id}/metrics` and `GET /sandboxes/metrics`: what sandboxes use now. Nothing older is kept.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use futures::StreamExt;
use futures::stream;
use roost_schemas::{SandboxId, Sequence};
use serde::Serialize;
use utoipa::ToSchema;

use super::dto::metric::Metric;
use super::errors::{ListErrors, ReadErrors};
use super::extract::{self, Id};
use super::openapi::TAG;
use crate::error::ApiError;
use crate::extract::{Pairs, number};
use crate::state::Gateway;

/// Sandboxes that one request may ask for.
const MAX_SANDBOXES: usize = 100;
/// The greatest time that is read, in seconds since 1970: what a signed 64-bit number holds, as most clients have it.
pub(super) const LATEST: u64 = i64::MAX as u64;
/// Agents that one request asks at the same time.
const AT_ONCE: usize = 10;

/// See what a sandbox uses
///
/// One sample, or none: if the sandbox does not run, or the time asked for does not hold the present.
#[utoipa::path(
    get,
    path = "/sandboxes/{id}/metrics",
    operation_id = "e2b_get_metrics",
    tag = TAG,
    params(
        ("id" = String, Path, description = "The sandbox."),
        ("start" = Option<u64>, Query, description = "From when on, in seconds since 1970."),
        ("end" = Option<u64>, Query, description = "Until when, in seconds since 1970."),
    ),
    responses(
        (status = 200, description = "What it uses now.", body = Vec<Metric>),
        ReadErrors
    )
)]
pub(super) async fn one(
    gateway: Gateway,
    Id(id): Id,
    Pairs(pairs): Pairs,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let bound = |wanted: &str| {
        let mut bounds = pairs.iter().filter(|(name, _)| name == wanted);
        let bound = bounds.next();
        bound
            .map(|(name, text)| number(name, text, 0..=LATEST))
            .transpose()
    };
    let interval = bound("start")?.unwrap_or(0)..=bound("end")?.unwrap_or(LATEST);
    gateway.known(&id).await?;
    let sample = gateway.sample(&id).await?;
    let asked = sample.filter(|sample| interval.contains(&sample.at()));
    Ok(Json(asked.into_iter().collect()))
}

/// The samples of several sandboxes, by their ids.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = E2bSandboxesMetrics)]
pub(super) struct Samples {
    sandboxes: BTreeMap<String, Metric>,
}

/// See what sandboxes use
///
/// Those that do not run, or whose agents do not answer, are left out.
#[utoipa::path(
    get,
    path = "/sandboxes/metrics",
    operation_id = "e2b_list_metrics",
    tag = TAG,
    params(("sandbox_ids" = String, Query, description = "Up to 100 ids, separated by commas.")),
    responses(
        (status = 200, description = "What each uses now.", body = Samples),
        ListErrors
    )
)]
pub(super) async fn many(gateway: Gateway, Pairs(pairs): Pairs) -> Result<Json<Samples>, ApiError> {
    let ids = wanted(&pairs)?;
    gateway.reach(Sequence::default()).await?;
    let asked = stream::iter(ids).map(|id| sample(gateway.clone(), id));
    let sampled: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
    Ok(Json(Samples {
        sandboxes: sampled.into_iter().flatten().collect(),
    }))
}

async fn sample(gateway: Gateway, id: SandboxId) -> Option<(String, Metric)> {
    let sample = gateway.sample(&id).await;
    let sample = sample.inspect_err(|error| tracing::debug!(%error, "no sample"));
    Some((id.to_string(), sample.ok()??))
}

fn wanted(pairs: &[(String, String)]) -> Result<BTreeSet<SandboxId>, ApiError> {
    let ids: Vec<&str> = pairs
        .iter()
        .filter(|(name, _)| name == "sandbox_ids")
        .flat_map(|(_, ids)| ids.split(','))
        .collect();
    if ids.is_empty() || ids.len() > MAX_SANDBOXES {
        return Err(ApiError::invalid(format!(
            "query sandbox_ids has {} ids: name 1 to {MAX_SANDBOXES}, separated by commas",
            ids.len()
        )));
    }
    ids.into_iter().map(extract::id).collect()
}
