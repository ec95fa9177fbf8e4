//! `POST /sandboxes/{id}/connect` and its second version: what a client needs to speak to a sandbox that it did not make,
//! which runs again if it was paused.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use roost_domain::sandbox::Phase;
use roost_schemas::command::SetTimeout;
use roost_schemas::spec::DEFAULT_TIMEOUT_SEC;
use roost_schemas::{SandboxId, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use super::dto::absent::always;
use super::dto::created::Created;
use super::errors::ResumeErrors;
use super::extract::Id;
use super::openapi::TAG;
use super::pause::refuse_without_memory;
use super::timeout::at_least_one;
use crate::error::{ApiError, Code};
use crate::extract::{Body, OptionalBody};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// How long the sandbox is to live at least.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = E2bConnectV1)]
pub(super) struct RequestV1 {
    /// Seconds from now; none is one.
    #[schema(minimum = 0, maximum = 604_800, example = 60)]
    timeout: u32,
    /// Whether a paused one comes back with its memory.
    #[serde(default)]
    #[schema(schema_with = always)]
    memory: Option<bool>,
}

/// The same, where the time may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = E2bConnect)]
pub(super) struct RequestV2 {
    /// Seconds from now; 300 if absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800, example = 60)]
    timeout: Option<u32>,
    /// Whether a paused one comes back with its memory.
    #[serde(default)]
    #[schema(schema_with = always)]
    memory: Option<bool>,
}

/// Connect to a sandbox, as old clients do
///
/// The same as `/v2/sandboxes/{id}/connect`.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/connect",
    operation_id = "e2b_connect_v1",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = RequestV1,
    responses(
        (status = 200, description = "It runs.", body = Created),
        (status = 201, description = "It was paused, and runs again.", body = Created),
        ResumeErrors
    )
)]
pub(super) async fn v1(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(RequestV1 { timeout, memory }): Body<RequestV1>,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    refuse_without_memory(memory)?;
    connect(&gateway, &key, &id, timeout).await
}

/// Connect to a sandbox
///
/// One that is paused is resumed. Its time is only ever extended. The body may be left out.
#[utoipa::path(
    post,
    path = "/v2/sandboxes/{id}/connect",
    operation_id = "e2b_connect",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<RequestV2>,
    responses(
        (status = 200, description = "It runs.", body = Created),
        (status = 201, description = "It was paused, and runs again.", body = Created),
        ResumeErrors
    )
)]
pub(super) async fn v2(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(RequestV2 { timeout, memory }): OptionalBody<RequestV2>,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    refuse_without_memory(memory)?;
    connect(&gateway, &key, &id, timeout.unwrap_or(DEFAULT_TIMEOUT_SEC)).await
}

/// How long a sandbox is to run at least.
pub(super) struct Lifetime {
    seconds: u32,
    end: Timestamp,
}

impl Lifetime {
    /// As many seconds from now.
    pub(super) fn from_now(seconds: u32) -> Self {
        let end = Timestamp::now().plus(Duration::from_secs(seconds.into()));
        Self { seconds, end }
    }
}

/// 200 if it runs, 201 if it runs again.
async fn connect(
    gateway: &Gateway,
    key: &CommandKey,
    id: &SandboxId,
    timeout: u32,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    let lifetime = Lifetime::from_now(at_least_one(timeout));
    if gateway.visible(id).await?.state.phase == Phase::Running {
        match extend(gateway, key, id, &lifetime).await {
            Ok(()) => return Ok((StatusCode::OK, Json(created(gateway, id).await?))),
            // Its time may have been over just now.
            Err(error) if error.code == Code::InvalidState => {
                if gateway.visible(id).await?.state.phase == Phase::Running {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    let created = run_again(gateway, key, id, &lifetime).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Resumes a sandbox that is paused, or is being paused.
pub(super) async fn run_again(
    gateway: &Gateway,
    key: &CommandKey,
    id: &SandboxId,
    lifetime: &Lifetime,
) -> Result<Created, ApiError> {
    let again = async {
        let view = gateway.visible(id).await?;
        if view.state.phase == Phase::Pausing {
            gateway.paused(id, view.sequence).await?;
        }
        gateway.resume(id, key, Some(lifetime.seconds)).await?;
        let (sandbox, _) = gateway.state_of(id)?;
        // Somebody else has resumed it, for a shorter time.
        if sandbox.expires_at.is_some_and(|end| end < lifetime.end) {
            extend(gateway, key, id, lifetime).await?;
        }
        created(gateway, id).await
    };
    match again.await {
        Ok(created) => Ok(created),
        Err(error) => Err(gateway.ended_meanwhile(id, error).await),
    }
}

/// Only extends: an end that is later already stays.
async fn extend(
    gateway: &Gateway,
    key: &CommandKey,
    id: &SandboxId,
    lifetime: &Lifetime,
) -> Result<(), ApiError> {
    let set = SetTimeout {
        timeout_sec: lifetime.seconds,
        extend: true,
    };
    gateway.set_timeout(id, &key.part("timeout"), set).await?;
    Ok(())
}

async fn created(gateway: &Gateway, id: &SandboxId) -> Result<Created, ApiError> {
    let view = gateway.visible(id).await?;
    Created::of(gateway, id, &view.state).ok_or_else(|| ApiError::no_sandbox(id))
}
