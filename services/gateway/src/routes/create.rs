//! `POST /v1/sandboxes`: make a sandbox, and answer when it runs.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use roost_schemas::spec::SandboxSpec;

use super::answer;
use crate::dto::create::CreateSandbox;
use crate::dto::sandbox::Sandbox;
use crate::error::{ApiError, CreateErrors};
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Make a sandbox
///
/// Answers when the sandbox runs. Repeated under the same `Idempotency-Key` it makes no second sandbox, but answers as
/// the first time, with the sandbox as it was then.
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
    gateway: Gateway,
    key: CommandKey,
    Body(body): Body<CreateSandbox>,
) -> Result<Response, ApiError> {
    let (id, sequence) = gateway.create(&key, &SandboxSpec::from(body), None).await?;
    let sandbox = gateway.view_then(&id, sequence).await?;
    let location = [(header::LOCATION, format!("/v1/sandboxes/{id}"))];
    let sequence = sandbox.sequence();
    Ok((location, answer(StatusCode::CREATED, sequence, sandbox)).into_response())
}
