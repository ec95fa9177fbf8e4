//! `GET /v1/templates`: what sandboxes can start from.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::dto::template::{Template, Templates};
use crate::error::{ApiError, ListErrors};
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List templates
#[utoipa::path(
    get,
    path = "/v1/templates",
    operation_id = "list_templates",
    tag = "fleet",
    responses((status = 200, description = "All of them.", body = Templates), ListErrors)
)]
pub(crate) async fn list(gateway: Gateway, min: MinSequence) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let all = |fleet: &roost_domain::fleet::Fleet| {
        fleet
            .templates(gateway.tenant())
            .filter_map(|(name, view)| Template::of(name, view))
            .collect()
    };
    Ok(answer(
        StatusCode::OK,
        sequence,
        Templates {
            templates: gateway.fleet().read(all),
        },
    ))
}
