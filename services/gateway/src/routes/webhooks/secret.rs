//! `GET /v1/webhooks/{webhook}/secret`: with which its target tells ours from others'.

use axum::http::StatusCode;
use axum::response::Response;

use crate::dto::webhook::Secret;
use crate::error::{ApiError, ReadErrors};
use crate::extract::WebhookName;
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// Tell a webhook's secret
///
/// The one that was told when it was made: it is stored nowhere, and follows from the webhook's id and a key of the gateway.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{webhook}/secret",
    operation_id = "get_webhook_secret",
    tag = "webhooks",
    params(("webhook" = String, Path, description = "The webhook.")),
    responses((status = 200, description = "The secret.", body = Secret), ReadErrors)
)]
pub(crate) async fn secret(
    gateway: Gateway,
    min: MinSequence,
    WebhookName(id): WebhookName,
) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    gateway.webhook(&id, |_| Some(()))?;
    let secret = Secret::of(gateway.tokens(), gateway.tenant(), &id);
    Ok(answer(StatusCode::OK, sequence, secret))
}
