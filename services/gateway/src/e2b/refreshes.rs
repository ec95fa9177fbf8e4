//! `POST /sandboxes/{id}/refreshes`: keep a sandbox for a while, at least.

use axum::http::StatusCode;
use roost_schemas::command::SetTimeout;
use serde::Deserialize;

use super::extract::Id;
use crate::error::ApiError;
use crate::extract::OptionalBody;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// What E2B keeps a sandbox for at least, in seconds.
const LEAST: u32 = 15;
/// What it can be asked for at most.
const MOST: u32 = 3600;

/// How long a sandbox is to be kept.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    /// Seconds from now.
    #[serde(default)]
    duration: Option<u32>,
}

/// Only extends: an end that is later already stays.
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
