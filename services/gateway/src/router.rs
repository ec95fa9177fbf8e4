//! Which route answers which path, and what stands around them.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::routes::{
    create, delete, events, exec, get as get_one, health, hosts, list, openapi, templates, timeout,
};
use crate::state::Gateway;
use crate::{auth, e2b, guard, idempotency};

/// Both APIs over `gateway`.
pub fn router(gateway: Gateway) -> Router {
    let keyed = Router::new()
        .route("/v1/sandboxes", post(create::create).get(list::list))
        .route("/v1/sandboxes/{id}", get(get_one::get).delete(delete::delete))
        .route("/v1/sandboxes/{id}/timeout", post(timeout::timeout))
        .route("/v1/sandboxes/{id}/exec", post(exec::exec))
        .route("/v1/sandboxes/{id}/events", get(events::list))
        .route("/v1/templates", get(templates::list))
        .route("/v1/hosts", get(hosts::list))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn(idempotency::assign))
        .route_layer(from_fn_with_state(gateway.clone(), auth::require));
    Router::new()
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::openapi))
        .method_not_allowed_fallback(guard::no_method)
        .merge(keyed)
        .merge(e2b::routes(&gateway))
        .fallback(guard::no_route)
        .layer(from_fn(guard::declared_length))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn(e2b::shape))
        .layer(TraceLayer::new_for_http())
        .with_state(gateway)
}
