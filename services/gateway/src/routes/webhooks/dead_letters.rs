//! `GET /v1/webhooks/{webhook}/dead-letters`: what could not be told.

use axum::http::StatusCode;
use axum::response::Response;

use crate::dto::webhook::DeadLetters;
use crate::error::{ApiError, ReadErrors};
use crate::extract::WebhookName;
use crate::routes::answer;
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// List what a webhook could not be told
///
/// Commits that were tried for hours in vain and put aside, oldest first; at most 1000. When there are so many, nothing more
/// is put aside, and what comes is tried on instead. The commits themselves are read as events.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{webhook}/dead-letters",
    operation_id = "list_dead_letters",
    tag = "webhooks",
    params(("webhook" = String, Path, description = "The webhook.")),
    responses((status = 200, description = "All of them.", body = DeadLetters), ReadErrors)
)]
pub(crate) async fn dead_letters(
    gateway: Gateway,
    min: MinSequence,
    WebhookName(id): WebhookName,
) -> Result<Response, ApiError> {
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let dead_letters = gateway.webhook(&id, |view| {
        Some(view.state.aside.values().map(Into::into).collect())
    })?;
    Ok(answer(StatusCode::OK, sequence, DeadLetters { dead_letters }))
}
