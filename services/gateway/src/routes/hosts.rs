//! `GET /v1/hosts`: the machines that run sandboxes.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::dto::host::{Host, Hosts};
use crate::error::{ApiError, ListErrors};
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List hosts
#[utoipa::path(
    get,
    path = "/v1/hosts",
    operation_id = "list_hosts",
    tag = "fleet",
    responses((status = 200, description = "All of them.", body = Hosts), ListErrors)
)]
pub(crate) async fn list(gateway: Gateway, min: MinSequence) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let all = |fleet: &roost_domain::fleet::Fleet| {
        fleet
            .hosts()
            .filter_map(|(id, view)| Host::of(id, view, fleet))
            .collect()
    };
    Ok(answer(
        StatusCode::OK,
        sequence,
        Hosts {
            hosts: gateway.fleet().read(all),
        },
    ))
}
