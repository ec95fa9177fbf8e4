//! `POST /v1/snapshots`: make a template of a sandbox as it is now.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::subject::{AggregateId, EventSubject};

use crate::dto::snapshot::{CreateSnapshot, Snapshot};
use crate::error::{ApiError, SnapshotErrors};
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::routes::answer;
use crate::state::Gateway;

/// Make a template of a sandbox
///
/// A running one is held for as long as its snapshot takes, and goes on; a paused one stays paused. Sandboxes made from
/// the template begin with everything that ran in it, and have its vCPUs and memory.
#[utoipa::path(
    post,
    path = "/v1/snapshots",
    operation_id = "create_snapshot",
    tag = "fleet",
    request_body = CreateSnapshot,
    responses((status = 201, description = "Sandboxes can start from it.", body = Snapshot), SnapshotErrors)
)]
pub(crate) async fn create(
    gateway: Gateway,
    key: CommandKey,
    Body(CreateSnapshot { sandbox_id, name }): Body<CreateSnapshot>,
) -> Result<Response, ApiError> {
    let (name, sequence) = gateway.save(&sandbox_id, &key, name).await?;
    // As it was then: somebody may have deleted it since.
    let log = EventSubject {
        tenant: gateway.tenant().clone(),
        aggregate: AggregateId::Template(name.clone()),
    };
    let view = gateway.fold_to(&log, sequence).await?;
    let snapshot = Snapshot::of(&name, &view).ok_or_else(|| ApiError::no_template(&name))?;
    Ok(answer(StatusCode::CREATED, sequence, snapshot))
}
