//! `DELETE /sandboxes/{id}`: end a sandbox, and answer when its host holds nothing of it.

use axum::http::StatusCode;

use super::extract::Id;
use crate::describe;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// One that has ended before is not found, which SDKs tell as `false`.
pub(super) async fn kill(gateway: Gateway, key: CommandKey, Id(id): Id) -> Result<StatusCode, ApiError> {
    let view = gateway.known(&id).await?;
    if view.state.phase.is_end() {
        return Err(ApiError::new(Code::NotFound, describe::end(&id, &view.state)));
    }
    gateway.end(&id, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}
