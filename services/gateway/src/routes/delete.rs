//! `DELETE /v1/sandboxes/{id}`: end a sandbox, and answer when its host holds nothing of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use roost_domain::fleet::Fleet;
use roost_schemas::command::{Kill, SandboxCommand};
use roost_schemas::event::{SandboxEvent, StopReason};
use roost_schemas::{SandboxId, Sequence};

use crate::error::{ApiError, Code, DeleteErrors};
use crate::extract::Id;
use crate::idempotency::CommandKey;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// End a sandbox
///
/// Answers when it has ended and its host holds nothing of it. One that has ended before is answered the same way.
#[utoipa::path(
    delete,
    path = "/v1/sandboxes/{id}",
    operation_id = "delete_sandbox",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The sandbox.")),
    responses((status = 204, description = "It has ended, and its host holds nothing of it."), DeleteErrors)
)]
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    key: CommandKey,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let ended = |fleet: &Fleet| ended(fleet, &gateway, &id);
    let kill = SandboxCommand::Kill(Kill {
        reason: StopReason::Requested,
    });
    gateway.reach(Sequence::default()).await?;
    if gateway.fleet().read(ended).is_none() {
        gateway
            .execute(&id, &key, &kill, |commit| {
                commit
                    .events
                    .iter()
                    .any(|event| matches!(event, SandboxEvent::Stopping(_)))
            })
            .await?;
    }
    match gateway.until(gateway.limits().delete, ended).await? {
        Some(sequence) => Ok((StatusCode::NO_CONTENT, [(SEQUENCE, sequence.to_string())]).into_response()),
        None => Err(late(&gateway, &id)),
    }
}

fn ended(fleet: &Fleet, gateway: &Gateway, id: &SandboxId) -> Option<Sequence> {
    let view = fleet.sandbox(gateway.tenant(), id)?;
    view.state.phase.is_end().then_some(view.sequence)
}

fn late(gateway: &Gateway, id: &SandboxId) -> ApiError {
    let patience = gateway.limits().delete;
    let message = format!(
        "sandbox {id} is stopping, but its host has not released it within {patience:?}: check that roost-host runs; repeat the request to wait on"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
