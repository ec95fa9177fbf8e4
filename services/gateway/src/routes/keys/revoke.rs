//! `DELETE /v1/keys/{key}`: let a key admit nobody any more, at once.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use roost_schemas::command::TenantChange;

use super::acting;
use crate::error::{ApiError, DeleteErrors};
use crate::extract::{KeyName, Pairs};
use crate::idempotency::CommandKey;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// Revoke an API key
///
/// From this answer on it admits nobody through this gateway, and through others as soon as they have read it, which is
/// a matter of milliseconds. What it had begun goes on; streams that it opened are closed. One that was revoked before
/// is answered the same way.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key}",
    operation_id = "revoke_key",
    tag = "tenants",
    params(
        ("key" = String, Path, description = "The key's id."),
        ("tenant" = Option<String>, Query, description = "Whose; other than the caller's own tenant for the operator alone."),
    ),
    responses((status = 204, description = "It admits nobody."), DeleteErrors)
)]
pub(crate) async fn revoke(
    gateway: Gateway,
    key: CommandKey,
    KeyName(id): KeyName,
    pairs: Pairs,
) -> Result<Response, ApiError> {
    let gateway = acting(&gateway, pairs)?;
    let tenant = gateway.tenant().clone();
    let sequence = gateway
        .change_tenant(&key, tenant, TenantChange::RevokeKey(id))
        .await?;
    Ok((StatusCode::NO_CONTENT, [(SEQUENCE, sequence.to_string())]).into_response())
}
