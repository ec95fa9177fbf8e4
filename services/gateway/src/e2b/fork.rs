//! `POST /sandboxes/{id}/fork`: make sandboxes that begin as this one is now.

use axum::Json;
use axum::http::StatusCode;
use roost_schemas::SandboxId;
use serde::{Deserialize, Serialize};

use super::dto::created::Created;
use super::extract::Id;
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
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    /// Seconds from now.
    #[serde(default)]
    timeout: Option<u32>,
    #[serde(default)]
    count: Option<i64>,
}

/// A child, or why there is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Child {
    Sandbox(Created),
    Error(Failure),
}

/// E2B's `Error`, inside of another answer.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    code: u16,
    message: String,
}

/// A paused one can be forked too, and stays paused.
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
        Err(ApiError { code, message }) => Child::Error(Failure {
            code: code.status().as_u16(),
            message,
        }),
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
