//! `POST /v1/sandboxes`: make a sandbox, and answer when it runs.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Phase;
use roost_schemas::SandboxId;
use roost_schemas::command::{Create, SandboxCommand};
use roost_schemas::spec::SandboxSpec;
use roost_schemas::subject::Route;

use super::answer;
use crate::command::reused;
use crate::describe;
use crate::dto::create::CreateSandbox;
use crate::dto::sandbox::Sandbox;
use crate::error::{ApiError, Code, CreateErrors};
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Make a sandbox
///
/// Answers when the sandbox runs. Repeated under the same `Idempotency-Key` it makes no second sandbox, but answers
/// with the first one as it is now.
#[utoipa::path(
    post,
    path = "/v1/sandboxes",
    operation_id = "create_sandbox",
    tag = "sandboxes",
    request_body = CreateSandbox,
    responses(
        (status = 201, description = "It has come to run.", body = Sandbox,
            headers(("Location" = String, description = "The path of the sandbox."))),
        CreateErrors,
    )
)]
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    key: CommandKey,
    Body(body): Body<CreateSandbox>,
) -> Result<Response, ApiError> {
    let spec = SandboxSpec::from(body);
    let id = SandboxId::from_command(gateway.tenant(), &key.id);
    gateway.reach(roost_schemas::Sequence::default()).await?;
    if !gateway
        .fleet()
        .read(|fleet| fleet.sandbox(gateway.tenant(), &id).is_some())
    {
        let command = SandboxCommand::Create(Create {
            spec: spec.clone(),
            placement: None,
        });
        gateway.send(&id, &Route::Any, &key, &command).await?;
    }
    let patience = gateway.limits().create;
    let outcome = gateway
        .until(patience, |fleet| outcome(fleet, &gateway, &key, &id, &spec))
        .await?;
    match outcome {
        Some(Ok(sandbox)) => {
            let sequence = sandbox.sequence();
            let location = [(header::LOCATION, format!("/v1/sandboxes/{id}"))];
            Ok((location, answer(StatusCode::CREATED, sequence, sandbox)).into_response())
        }
        Some(Err(error)) => Err(error),
        None => Err(late(&gateway, &id)),
    }
}

/// What became of the sandbox; nothing while that is open.
fn outcome(
    fleet: &Fleet,
    gateway: &Gateway,
    key: &CommandKey,
    id: &SandboxId,
    spec: &SandboxSpec,
) -> Option<Result<Sandbox, ApiError>> {
    let view = fleet.sandbox(gateway.tenant(), id)?;
    if view.state.requested.as_ref()?.spec != *spec {
        return Some(Err(reused(&key.id, view.sequence)));
    }
    if view.state.running.is_some() {
        return Some(Ok(Sandbox::of(id, view)?));
    }
    let code = match view.state.phase {
        Phase::Failed => Code::SandboxFailed,
        Phase::Stopping | Phase::Stopped | Phase::Lost => Code::SandboxEnded,
        _ => return None,
    };
    Some(Err(ApiError::new(code, describe::end(id, &view.state))))
}

fn late(gateway: &Gateway, id: &SandboxId) -> ApiError {
    let patience = gateway.limits().create;
    let state = gateway.fleet().read(|fleet| {
        fleet
            .sandbox(gateway.tenant(), id)
            .map(|view| view.state.phase.as_str())
    });
    let state = state.unwrap_or("not in the log yet");
    let message = format!(
        "sandbox {id} does not run after {patience:?}; it is {state} and may still come to run: GET /v1/sandboxes/{id} tells, DELETE ends it"
    );
    ApiError::new(Code::DeadlineExceeded, message)
}
