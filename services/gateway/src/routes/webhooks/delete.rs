//! `DELETE /v1/webhooks/{webhook}`: tell it nothing any more.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use roost_schemas::command::WebhookChange;

use crate::error::{ApiError, DeleteErrors};
use crate::extract::WebhookName;
use crate::idempotency::CommandKey;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// Delete a webhook
///
/// It is told nothing any more but what is on its way already, and what it had put aside is forgotten. One that was
/// deleted before is answered the same way.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{webhook}",
    operation_id = "delete_webhook",
    tag = "webhooks",
    params(("webhook" = String, Path, description = "The webhook.")),
    responses((status = 204, description = "It is told nothing any more."), DeleteErrors)
)]
pub(crate) async fn delete(
    gateway: Gateway,
    key: CommandKey,
    WebhookName(id): WebhookName,
) -> Result<Response, ApiError> {
    let (sequence, _) = gateway.change_webhook(&key, id, WebhookChange::Delete).await?;
    Ok((StatusCode::NO_CONTENT, [(SEQUENCE, sequence.to_string())]).into_response())
}
