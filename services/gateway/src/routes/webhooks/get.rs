//! `GET /v1/webhooks/{webhook}`: one webhook, without its secret.

use axum::http::StatusCode;
use axum::response::Response;

use crate::dto::webhook::Webhook;
use crate::error::{ApiError, ReadErrors};
use crate::extract::WebhookName;
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Look a webhook up
#[utoipa::path(
    get,
    path = "/v1/webhooks/{webhook}",
    operation_id = "get_webhook",
    tag = "webhooks",
    params(("webhook" = String, Path, description = "The webhook.")),
    responses((status = 200, description = "The webhook.", body = Webhook), ReadErrors)
)]
pub(crate) async fn get(
    gateway: Gateway,
    min: MinSequence,
    WebhookName(id): WebhookName,
) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let webhook = gateway.webhook(&id, |view| Webhook::of(&id, view))?;
    Ok(answer(StatusCode::OK, sequence, webhook))
}
