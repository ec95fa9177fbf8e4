//! `POST /v1/webhooks`: have a tenant told what happens from here on.

use axum::http::StatusCode;
use axum::response::Response;
use roost_schemas::WebhookId;
use roost_schemas::command::WebhookChange;
use roost_schemas::webhook::WebhookSpec;

use crate::command::reused;
use crate::dto::webhook::{CreateWebhook, CreatedWebhook, Secret, Webhook};
use crate::error::{ApiError, WriteErrors};
use crate::extract::Body;
use crate::idempotency::CommandKey;
use crate::routes::answer;
use crate::state::Gateway;

/// Make a webhook
///
/// What happens to the tenant's sandboxes from here on is posted to `url`: a request for each commit, in order for each
/// sandbox, repeated until it is answered with 2xx, and signed as the Standard Webhooks specification says. `secret`
/// verifies it.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "create_webhook",
    tag = "webhooks",
    request_body = CreateWebhook,
    responses((status = 201, description = "It is told what happens from here on.", body = CreatedWebhook), WriteErrors)
)]
pub(crate) async fn create(
    gateway: Gateway,
    key: CommandKey,
    Body(body): Body<CreateWebhook>,
) -> Result<Response, ApiError> {
    let tenant = gateway.tenant().clone();
    let id = WebhookId::from_command(&tenant, &key.id);
    let spec = WebhookSpec::from(body);
    let change = WebhookChange::Create(spec.clone());
    let (sequence, view) = gateway.change_webhook(&key, id.clone(), change).await?;
    // The command was known already, and may have been another.
    let same = view.state.tells() == Some(&spec);
    let webhook = Webhook::of(&id, &view).filter(|_| same);
    let created = CreatedWebhook {
        webhook: webhook.ok_or_else(|| reused(&key.id, sequence))?,
        secret: Secret::of(gateway.tokens(), &tenant, &id),
    };
    Ok(answer(StatusCode::CREATED, sequence, created))
}
