//! `POST /sandboxes/{id}/pause`: let a sandbox stand still, with its memory.

use axum::http::StatusCode;
use roost_domain::sandbox::Phase;
use roost_schemas::command::{Pause, SandboxCommand};
use serde::Deserialize;
use utoipa::ToSchema;

use super::dto::absent::always;
use super::errors::PauseErrors;
use super::extract::Id;
use super::openapi::TAG;
use crate::actions::is_pause;
use crate::command::confirms;
use crate::error::{ApiError, Code};
use crate::extract::OptionalBody;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// How a sandbox is to be paused. `requireHealthyGuest` is not read: one whose guest does not answer is never paused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = E2bPause)]
pub(super) struct Request {
    /// Whether its memory is kept.
    #[serde(default)]
    #[schema(schema_with = always)]
    memory: Option<bool>,
}

/// Pause a sandbox
///
/// Answers when its host holds nothing of it but files. One that is paused already is a conflict, which SDKs tell as
/// `false`. The body may be left out.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/pause",
    operation_id = "e2b_pause",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<Request>,
    responses(
        (status = 204, description = "It is paused."),
        PauseErrors
    )
)]
pub(super) async fn pause(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(Request { memory }): OptionalBody<Request>,
) -> Result<StatusCode, ApiError> {
    refuse_without_memory(memory)?;
    let view = gateway.visible(&id).await?;
    let pause = SandboxCommand::Pause(Pause::default());
    let same = |commit: &_| is_pause(commit) || confirms(commit, &pause);
    if view.state.phase == Phase::Paused && gateway.done_before(&id, &key, same).await?.is_none() {
        let message =
            format!("sandbox {id} is paused already: POST /v2/sandboxes/{id}/connect lets it run again");
        return Err(ApiError::new(Code::InvalidState, message));
    }
    match gateway.pause(&id, &key).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}

/// A sandbox that came back without what ran in it would be worse than none.
pub(super) fn refuse_without_memory(memory: Option<bool>) -> Result<(), ApiError> {
    match memory {
        Some(false) => Err(ApiError::invalid(
            "memory is false, but snapshots of the filesystem alone are not available: leave it out, or use true",
        )),
        _ => Ok(()),
    }
}
