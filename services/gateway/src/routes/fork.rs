//! `POST /v1/sandboxes/{id}/fork`: make sandboxes that begin as this one is, or was.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::actions::{Fork, Forked};
use crate::dto::fork::{Child, ForkRequest, ForkResult};
use crate::error::{ApiError, SnapshotErrors};
use crate::extract::{Id, OptionalBody};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// Fork a sandbox
///
/// A running one is held for as long as its snapshot takes, and goes on; a paused one stays paused. The children have its
/// memory, its disk and everything that runs in it, and share nothing with it from then on: each has an identity, tokens
/// and randomness of its own. Answers when each of them runs, or tells why it does not; some may run and others not.
/// Repeated under the same `Idempotency-Key` it answers with the same children as they were then; those that were refused
/// are tried again. The body may be left out.
#[utoipa::path(
    post,
    path = "/v1/sandboxes/{id}/fork",
    operation_id = "fork_sandbox",
    tag = "sandboxes",
    params(("id" = String, Path, description = "The source.")),
    request_body = Option<ForkRequest>,
    responses(
        (status = 201, description = "What became of each child.", body = ForkResult),
        SnapshotErrors,
    )
)]
pub(crate) async fn fork(
    gateway: Gateway,
    key: CommandKey,
    Id(id): Id,
    OptionalBody(request): OptionalBody<ForkRequest>,
) -> Result<Response, ApiError> {
    let Forked { snapshot, children } = gateway.fork(&id, &key, &Fork::try_from(request)?).await?;
    // What shows each of them shows all.
    let ran = children.iter().flatten().map(|(_, ran)| *ran).max();
    let mut sandboxes = Vec::with_capacity(children.len());
    for made in children {
        let child = match made {
            Ok((id, ran)) => gateway.view_then(&id, ran).await,
            Err(error) => Err(error),
        };
        sandboxes.push(match child {
            Ok(sandbox) => Child::Sandbox(Box::new(sandbox)),
            Err(error) => Child::Error(error.into()),
        });
    }
    let result = ForkResult {
        snapshot: snapshot.to_string(),
        sandboxes,
    };
    Ok(answer(
        StatusCode::CREATED,
        ran.unwrap_or_else(|| gateway.fleet().applied()),
        result,
    ))
}
