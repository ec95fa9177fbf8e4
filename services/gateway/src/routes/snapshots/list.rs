//! `GET /v1/snapshots`: the templates that were made from sandboxes.

use axum::http::StatusCode;
use axum::response::Response;
use roost_domain::fleet::Fleet;

use crate::dto::snapshot::{Snapshot, Snapshots};
use crate::error::{ApiError, ListErrors};
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List snapshots that are templates
#[utoipa::path(
    get,
    path = "/v1/snapshots",
    operation_id = "list_snapshots",
    tag = "fleet",
    responses((status = 200, description = "All of them, by name.", body = Snapshots), ListErrors)
)]
pub(crate) async fn list(gateway: Gateway, min: MinSequence) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let all = |fleet: &Fleet| {
        let templates = fleet.templates(gateway.tenant());
        templates
            .filter_map(|(name, view)| Snapshot::of(name, view))
            .collect()
    };
    let snapshots = Snapshots {
        snapshots: gateway.fleet().read(all),
    };
    Ok(answer(StatusCode::OK, sequence, snapshots))
}
