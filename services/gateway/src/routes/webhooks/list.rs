//! `GET /v1/webhooks`: a tenant's webhooks, without their secrets.

use axum::http::StatusCode;
use axum::response::Response;

use crate::dto::webhook::{Webhook, Webhooks};
use crate::error::{ApiError, ListErrors};
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List webhooks
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "list_webhooks",
    tag = "webhooks",
    responses((status = 200, description = "All of them, by id.", body = Webhooks), ListErrors)
)]
pub(crate) async fn list(gateway: Gateway, min: MinSequence) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let webhooks = gateway.fleet().read(|fleet| {
        let own = fleet
            .webhooks()
            .filter(|(tenant, ..)| *tenant == gateway.tenant());
        own.filter_map(|(_, id, view)| Webhook::of(id, view)).collect()
    });
    Ok(answer(StatusCode::OK, sequence, Webhooks { webhooks }))
}
