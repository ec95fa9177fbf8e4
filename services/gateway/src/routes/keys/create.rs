//! `POST /v1/keys`: make a key, and tell it this once.

use axum::http::StatusCode;
use axum::response::Response;

use super::acting;
use crate::dto::key::{CreateKey, CreatedKey};
use crate::error::{ApiError, WriteErrors};
use crate::extract::{Body, Pairs};
use crate::idempotency::CommandKey;
use crate::routes::answer;
use crate::state::Gateway;

/// Make an API key
///
/// The key itself is in this answer and nowhere else: the log has its keyed hash. So the same request under the same
/// `Idempotency-Key` makes no second key, and is a conflict.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "create_key",
    tag = "tenants",
    params(("tenant" = Option<String>, Query, description = "For whom; other than the caller's own tenant for the operator alone.")),
    request_body = CreateKey,
    responses((status = 201, description = "It admits from now on.", body = CreatedKey), WriteErrors)
)]
pub(crate) async fn create(
    gateway: Gateway,
    key: CommandKey,
    pairs: Pairs,
    Body(body): Body<CreateKey>,
) -> Result<Response, ApiError> {
    let gateway = acting(&gateway, pairs)?;
    let (name, scope, expires_at) = body.parts()?;
    let (sequence, made, secret) = gateway.create_key(&key, name, scope, expires_at).await?;
    let created = CreatedKey::of(&made, &secret);
    Ok(answer(StatusCode::CREATED, sequence, created))
}
