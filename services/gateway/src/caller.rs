//! Who sends a request: the tenant that it acts for, and how far it may go.
//!
//! ```text
//!   key ──▶ authenticate ──▶ Caller ──▶ Gateway::seen_by ──▶ handlers, which see and touch that tenant's alone
//! ```

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use roost_schemas::commit::Principal;
use roost_schemas::tenant::Scope;
use roost_schemas::{KeyId, TenantId};

use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For whom it acts: never what a body or a path says.
    pub(crate) tenant: TenantId,
    /// How far it may go.
    pub(crate) scope: Scope,
    /// Its key; none for the operator's own, which stands in no log.
    pub(crate) key: Option<KeyId>,
    /// What commits say of it.
    pub(crate) principal: Principal,
}

impl Caller {
    /// Who holds the key that this gateway was given.
    pub(crate) fn operator() -> Self {
        Self {
            tenant: TenantId::first(),
            scope: Scope::Admin,
            key: None,
            principal: "operator".to_owned(),
        }
    }

    /// Nobody with a key: a request for what is in a sandbox of `tenant`.
    pub(crate) fn guest_of(tenant: TenantId) -> Self {
        Self {
            tenant,
            scope: Scope::Read,
            key: None,
            principal: "anonymous".to_owned(),
        }
    }

    /// Whether it is the operator, who may change tenants.
    pub(crate) fn is_operator(&self) -> bool {
        self.scope == Scope::Admin && self.key.is_none()
    }

    /// Fails unless it is the operator.
    pub(crate) fn require_operator(&self) -> Result<(), ApiError> {
        if self.is_operator() {
            return Ok(());
        }
        let message = "this route is the operator's alone: use the key that the gateway was started with";
        Err(ApiError::new(Code::PermissionDenied, message))
    }

    /// Fails unless it may go as far as `needed`.
    pub(crate) fn require(&self, needed: Scope) -> Result<(), ApiError> {
        if self.scope >= needed {
            return Ok(());
        }
        let message = format!(
            "this key has the scope {:?}, and this route needs {:?}: use another key, or have one made",
            self.scope.as_str(),
            needed.as_str()
        );
        Err(ApiError::new(Code::PermissionDenied, message))
    }
}

/// The gateway as the request's sender sees it.
impl FromRequestParts<Self> for Gateway {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &Self) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        let caller = caller
            .ok_or_else(|| ApiError::new(Code::Internal, "this route does not ask who its sender is"))?;
        Ok(gateway.seen_by(caller))
    }
}
