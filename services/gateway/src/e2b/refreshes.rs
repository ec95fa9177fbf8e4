//! `POST /sandboxes/{id}/refreshes`: keep a sandbox for a while, at least.

use axum::http::StatusCode;
use roost_schemas::command::SetTimeout;
use serde::Deserialize;
use utoipa::ToSchema;

use super::errors::WriteErrors;
use super::extract::Id;
use super::openapi::TAG;
use crate::error::ApiError;
use crate::extract::OptionalBody;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// What E2B keeps a sandbox for at least, in seconds.
const LEAST: u32 = 15;
/// What it can be asked for at most.
const MOST: u32 = 3600;

/// How long a sandbox is to be kept.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = E2bRefresh)]
pub(super) struct Request {
    /// Seconds from now; 15 if absent, or less.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3600, example = 60)]
    duration: Option<u32>,
}

/// Keep a sandbox for a while
///
/// Only extends: an end that is later already stays. The body may be left out.
#[utoipa::path(
    post,
    path = "/sandboxes/{id}/refreshes",
    operation_id = "e2b_refresh",
    tag = TAG,
    params(("id" = String, Path, description = "The sandbox.")),
    request_body = Option<Request>,
    responses(
        (status = 204, description = "It lives so long at least."),
        WriteErrors
    )
)]
pub(super) async fn refreshes(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(Request { duration }): OptionalBody<Request>,
) -> Result<StatusCode, ApiError> {
    let duration = duration.unwrap_or(LEAST);
    if duration > MOST {
        return Err(ApiError::invalid(format!(
            "duration is {duration}: use 0 to {MOST} seconds"
        )));
    }
    let set = SetTimeout {
        timeout_sec: duration.max(LEAST),
        extend: true,
    };
    gateway.seen(&id).await?;
    match gateway.set_timeout(&id, &key, set).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}
