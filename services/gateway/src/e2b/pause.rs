//! `POST /sandboxes/{id}/pause` and `…/resume`: refused with 409, since sandboxes cannot be paused yet.

use axum::extract::State;
use roost_schemas::SandboxId;
use serde_json::Value;

use super::extract::{Id, OptionalBody};
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// A body that is read, since it must be JSON, but of which nothing is needed.
type Unread = OptionalBody<Value>;

pub(super) async fn pause(State(gateway): State<Gateway>, Id(id): Id, _: Unread) -> ApiError {
    let why = format!(
        "pausing is not available yet: sandbox {id} keeps running until its timeout, which POST /sandboxes/{id}/timeout moves"
    );
    refuse(&gateway, &id, why).await
}

pub(super) async fn resume(State(gateway): State<Gateway>, Id(id): Id, _: Unread) -> ApiError {
    let why = format!("sandbox {id} runs already: POST /v2/sandboxes/{id}/connect connects to it");
    refuse(&gateway, &id, why).await
}

async fn refuse(gateway: &Gateway, id: &SandboxId, why: String) -> ApiError {
    match gateway.seen(id).await {
        Ok(_) => ApiError::new(Code::InvalidState, why),
        Err(error) => error,
    }
}
