//! How far a key must reach for a route: each group of routes has one of these around it.
//!
//! | group | scope |
//! |---|---|
//! | reads of the log's projection | read |
//! | writes, and all that reaches a guest | run |
//! | keys and webhooks | admin |
//! | hosts, the log's state, other tenants | the operator |

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use roost_schemas::tenant::Scope;

use crate::error::ApiError;
use crate::state::Gateway;

/// To read or to run, as the method says.
pub(crate) async fn by_method(gateway: Gateway, request: Request, next: Next) -> Result<Response, ApiError> {
    let needed = if request.method().is_safe() {
        Scope::Read
    } else {
        Scope::Run
    };
    pass(&gateway, needed, request, next).await
}

/// To run: a guest shows and does whatever it is asked, so there is nothing in it that can only be looked at.
pub(crate) async fn run(gateway: Gateway, request: Request, next: Next) -> Result<Response, ApiError> {
    pass(&gateway, Scope::Run, request, next).await
}

/// To say who else may act.
pub(crate) async fn admin(gateway: Gateway, request: Request, next: Next) -> Result<Response, ApiError> {
    pass(&gateway, Scope::Admin, request, next).await
}

/// For operators alone: what tells of all tenants.
pub(crate) async fn operator(gateway: Gateway, request: Request, next: Next) -> Result<Response, ApiError> {
    gateway.caller().require_operator()?;
    Ok(next.run(request).await)
}

async fn pass(gateway: &Gateway, needed: Scope, request: Request, next: Next) -> Result<Response, ApiError> {
    gateway.caller().require(needed)?;
    Ok(next.run(request).await)
}
