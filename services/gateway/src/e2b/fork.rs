//! `POST /sandboxes/{id}/fork`: make sandboxes that begin as this one is now.

use axum::Json;
use axum::http::StatusCode;
use roost_schemas::SandboxId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::created::Created;
use super::errors::{Failure, SnapshotErrors};
use super::extract::Id;
use super::openapi::TAG;
use super::timeout::at_least_one;
use crate::actions::{Changes, Fork};
use crate::dto::fork::count;
use crate::error::ApiError;
use crate::extract::OptionalBody;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Seconds a child runs whose client named no time.
const DEFAULT_TIMEOUT_SEC: u32 = 15;

/// What children are asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = E2bFork)]
pub(super) struct Request {
    /// Seconds from now; 15 if absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800, example = 60)]
    timeout: Option<u32>,
    /// How many; one if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100, example = 1)]
    count: Option<i64>,
}

/// A child, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bForked)]
pub(super) enum Child {
    /// It runs.
    Sandbox(Created),
    /// It does not.
    Error(Failure),
}

/// Fork a sandbox
///
/// The children begin as it is now. A paused one can be forked too, and stays paused. The body may be left out.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/fork",
    operation_id = "e2b_fork",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<Request>,
    responses(
        (status = 201, description = "What became of each child.", body = Vec<Child>),
        SnapshotErrors
    )
)]
pub(super) async fn fork(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(Request {
        timeout,
        count: asked,
    }): OptionalBody<Request>,
) -> Result<(StatusCode, Json<Vec<Child>>), ApiError> {
    let fork = Fork {
        count: count(asked)?,
        at: None,
        changes: Changes {
            timeout_sec: Some(at_least_one(timeout.unwrap_or(DEFAULT_TIMEOUT_SEC))),
            ..Changes::default()
        },
    };
    gateway.visible(&id).await?;
    let forked = match gateway.fork(&id, &key, &fork).await {
        Ok(forked) => forked,
        Err(error) => return Err(gateway.ended_meanwhile(&id, error).await),
    };
    let child = |made: Result<_, ApiError>| match made.and_then(|(id, _)| created(&gateway, &id)) {
        Ok(created) => Child::Sandbox(created),
        Err(error) => Child::Error(error.into()),
    };
    Ok((
        StatusCode::CREATED,
        Json(forked.children.into_iter().map(child).collect()),
    ))
}

fn created(gateway: &Gateway, id: &SandboxId) -> Result<Created, ApiError> {
    let (sandbox, _) = gateway.state_of(id)?;
    Created::of(gateway, id, &sandbox).ok_or_else(|| ApiError::no_sandbox(id))
}
