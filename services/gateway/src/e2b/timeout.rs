//! `POST /sandboxes/{id}/timeout`: move a sandbox's end, to earlier or later.

use axum::http::StatusCode;
use roost_schemas::command::SetTimeout;
use serde::Deserialize;

use super::extract::Id;
use crate::error::ApiError;
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// When a sandbox is to time out.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    /// Seconds from now; none is at once.
    timeout: u32,
}

pub(super) async fn timeout(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    Body(Request { timeout }): Body<Request>,
) -> Result<StatusCode, ApiError> {
    let set = SetTimeout {
        timeout_sec: at_least_one(timeout),
        extend: false,
    };
    gateway.seen(&id).await?;
    match gateway.set_timeout(&id, &key, set).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(gateway.ended_meanwhile(&id, error).await),
    }
}

/// Zero seconds mean "at once"; one is the least a command takes.
pub(super) fn at_least_one(seconds: u32) -> u32 {
    seconds.max(1)
}
