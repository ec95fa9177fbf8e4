//! `POST /v1/webhooks/{webhook}/dead-letters/{sequence}/redeliver`: try again what could not be told.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::command::WebhookChange;

use crate::dto::webhook::DeadLetter;
use crate::error::{ApiError, DeleteErrors};
use crate::extract::InWebhook;
use crate::idempotency::CommandKey;
use crate::routes::answer;
use crate::state::Gateway;

/// Try again what a webhook could not be told
///
/// It is tried soon, a few times. If its target takes it, it is a dead letter no more; if not, it is one anew, with what
/// went wrong now.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{webhook}/dead-letters/{sequence}/redeliver",
    operation_id = "redeliver_dead_letter",
    tag = "webhooks",
    params(
        ("webhook" = String, Path, description = "The webhook."),
        ("sequence" = u64, Path, description = "The dead letter's place in the log."),
    ),
    responses((status = 202, description = "It is going to be tried again.", body = DeadLetter), DeleteErrors)
)]
pub(crate) async fn redeliver(
    gateway: Gateway,
    key: CommandKey,
    InWebhook { id, sequence: wanted }: InWebhook,
) -> Result<Response, ApiError> {
    let change = WebhookChange::Redeliver(wanted);
    let (sequence, view) = gateway.change_webhook(&key, id.clone(), change).await?;
    let letter = view.state.aside.get(&wanted).map(DeadLetter::from);
    let letter = letter.ok_or_else(|| ApiError::no_webhook(&id))?;
    Ok(answer(StatusCode::ACCEPTED, sequence, letter))
}
