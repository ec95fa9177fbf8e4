//! `POST /sandboxes/{id}/resume`: let a paused sandbox run again, as old clients ask for it.

use axum::Json;
use axum::http::StatusCode;
use roost_domain::sandbox::Phase;
use roost_schemas::spec::OnTimeout;
use serde::Deserialize;
use utoipa::ToSchema;

use super::connect::{Lifetime, run_again};
use super::dto::absent::always;
use super::dto::created::Created;
use super::errors::ResumeErrors;
use super::extract::Id;
use super::openapi::TAG;
use super::pause::refuse_without_memory;
use super::timeout::at_least_one;
use crate::error::{ApiError, Code};
use crate::extract::OptionalBody;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Seconds a sandbox runs whose client named no time.
const DEFAULT_TIMEOUT_SEC: u32 = 15;

/// How a sandbox is to be resumed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bResume)]
pub(super) struct Request {
    /// Seconds from now; 15 if absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800, example = 60)]
    timeout: Option<u32>,
    /// Whether it is paused when its time is over: as it was made, or a conflict.
    #[serde(default)]
    auto_pause: Option<bool>,
    #[serde(default)]
    #[schema(schema_with = always)]
    memory: Option<bool>,
}

/// Resume a sandbox, as old clients do
///
/// One that runs is a conflict. The body may be left out.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/resume",
    operation_id = "e2b_resume",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<Request>,
    responses(
        (status = 201, description = "It runs again.", body = Created),
        ResumeErrors
    )
)]
pub(super) async fn resume(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(request): OptionalBody<Request>,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    refuse_without_memory(request.memory)?;
    let view = gateway.visible(&id).await?;
    let spec = view.state.requested.as_ref().map(|requested| &requested.spec);
    let pauses = spec.is_some_and(|spec| spec.on_timeout == OnTimeout::Pause);
    if let Some(asked) = request.auto_pause.filter(|asked| *asked != pauses) {
        let message = format!(
            "autoPause is {asked}, but what happens at its timeout was settled when sandbox {id} was made: leave it out"
        );
        return Err(ApiError::new(Code::InvalidState, message));
    }
    if view.state.phase == Phase::Running {
        let message = format!("sandbox {id} runs already: POST /v2/sandboxes/{id}/connect connects to it");
        return Err(ApiError::new(Code::InvalidState, message));
    }
    let timeout = at_least_one(request.timeout.unwrap_or(DEFAULT_TIMEOUT_SEC));
    let created = run_again(&gateway, &key, &id, &Lifetime::from_now(timeout)).await?;
    Ok((StatusCode::CREATED, Json(created)))
}
