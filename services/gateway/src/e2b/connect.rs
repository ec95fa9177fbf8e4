//! `POST /sandboxes/{id}/connect` and its second version: what a client needs to speak to a sandbox that it did not make.

use axum::Json;
use axum::extract::State;
use roost_schemas::SandboxId;
use roost_schemas::command::SetTimeout;
use roost_schemas::spec::DEFAULT_TIMEOUT_SEC;
use serde::Deserialize;

use super::dto::created::Created;
use super::extract::{Id, OptionalBody};
use super::timeout::at_least_one;
use crate::error::ApiError;
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// How long the sandbox is to live at least; `memory`, which speaks of paused ones, changes nothing of one that runs.
#[derive(Debug, Deserialize)]
pub(super) struct RequestV1 {
    /// Seconds from now.
    timeout: u32,
}

/// The same, where the time may be left out.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RequestV2 {
    /// Seconds from now.
    #[serde(default)]
    timeout: Option<u32>,
}

pub(super) async fn v1(
    State(gateway): State<Gateway>,
    key: CommandKey,
    Id(id): Id,
    Body(RequestV1 { timeout }): Body<RequestV1>,
) -> Result<Json<Created>, ApiError> {
    connect(&gateway, &key, &id, timeout).await
}

pub(super) async fn v2(
    State(gateway): State<Gateway>,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(RequestV2 { timeout }): OptionalBody<RequestV2>,
) -> Result<Json<Created>, ApiError> {
    connect(&gateway, &key, &id, timeout.unwrap_or(DEFAULT_TIMEOUT_SEC)).await
}

/// Only extends: an end that is later already stays.
async fn connect(
    gateway: &Gateway,
    key: &CommandKey,
    id: &SandboxId,
    timeout: u32,
) -> Result<Json<Created>, ApiError> {
    let set = SetTimeout {
        timeout_sec: at_least_one(timeout),
        extend: true,
    };
    gateway.seen(id).await?;
    if let Err(error) = gateway.set_timeout(id, key, set).await {
        return Err(gateway.ended_meanwhile(id, error).await);
    }
    let view = gateway.seen(id).await?;
    let created = Created::of(gateway, id, &view.state);
    created.map(Json).ok_or_else(|| ApiError::no_sandbox(id))
}
