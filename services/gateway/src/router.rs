//! Which route answers which path, and what stands around them.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete as delete_route, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::routes::{
    create, delete, docs, events, exec, files, fork, get as get_one, health, hosts, keys, list, log, metrics,
    network, openapi, pause, processes, resume, snapshots, stream, templates, tenants, timeout, webhooks,
};
use crate::state::Gateway;
use crate::{admission, auth, e2b, guard, idempotency, observe, scope};

/// Both APIs over `gateway`.
pub fn router(gateway: Gateway) -> Router {
    let keyed = common(&gateway)
        .merge(administered(&gateway))
        .merge(operated(&gateway))
        .route_layer(from_fn_with_state(gateway.clone(), admission::log))
        .merge(lasting(&gateway))
        .route_layer(from_fn(idempotency::assign))
        .route_layer(from_fn_with_state(gateway.clone(), auth::require));
    Router::new()
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::part))
        .method_not_allowed_fallback(guard::no_method)
        .merge(keyed)
        .merge(guest(&gateway))
        .merge(figures(&gateway))
        .merge(e2b::routes(&gateway))
        .fallback(guard::no_route)
        .layer(from_fn(guard::declared_length))
        // Behind the bound on bodies: these stream through.
        .merge(streamed(&gateway))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn(e2b::shape))
        .layer(from_fn(observe::count))
        .with_state(gateway)
}

/// What is answered from the log, or goes there: to look, or to do something with sandboxes.
fn common(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/v1/sandboxes", post(create::create).get(list::list))
        .route("/v1/sandboxes/{id}", get(get_one::get).delete(delete::delete))
        .route("/v1/sandboxes/{id}/pause", post(pause::pause))
        .route("/v1/sandboxes/{id}/resume", post(resume::resume))
        .route("/v1/sandboxes/{id}/fork", post(fork::fork))
        .route("/v1/sandboxes/{id}/timeout", post(timeout::timeout))
        .route("/v1/sandboxes/{id}/network", put(network::network))
        .route(
            "/v1/snapshots",
            post(snapshots::create::create).get(snapshots::list::list),
        )
        .route("/v1/snapshots/{name}", delete_route(snapshots::delete::delete))
        .route("/v1/templates", get(templates::list))
        .route("/v1/tenants/{tenant}", get(tenants::get::get))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::by_method))
}

/// Who else may act for a tenant, and who is told what it does.
fn administered(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/v1/keys", post(keys::create::create).get(keys::list::list))
        .route("/v1/keys/{key}", delete_route(keys::revoke::revoke))
        .route(
            "/v1/webhooks",
            post(webhooks::create::create).get(webhooks::list::list),
        )
        .route(
            "/v1/webhooks/{webhook}",
            get(webhooks::get::get).delete(webhooks::delete::delete),
        )
        .route("/v1/webhooks/{webhook}/secret", get(webhooks::secret::secret))
        .route(
            "/v1/webhooks/{webhook}/dead-letters",
            get(webhooks::dead_letters::dead_letters),
        )
        .route(
            "/v1/webhooks/{webhook}/dead-letters/{sequence}/redeliver",
            post(webhooks::redeliver::redeliver),
        )
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::admin))
}

/// What is of all tenants.
fn operated(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route(
            "/v1/tenants",
            post(tenants::create::create).get(tenants::list::list),
        )
        .route("/v1/tenants/{tenant}/limits", put(tenants::limits::limits))
        .route("/v1/hosts", get(hosts::list))
        .route("/v1/log", get(log::log))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::operator))
}

/// What is told even when nothing else is admitted.
fn figures(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::operator))
        .route_layer(from_fn_with_state(gateway.clone(), auth::require))
}

/// What lasts as long as a program or a reader, and has a bound of its own.
fn lasting(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/v1/sandboxes/{id}/exec", post(exec::exec))
        .route("/v1/sandboxes/{id}/events", get(events::sandbox::list))
        .route("/v1/events", get(events::all::list))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::by_method))
}

/// What goes straight to a sandbox's agent, past the log.
fn guest(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/v1/sandboxes/{id}/processes", get(processes::list::list))
        .route(
            "/v1/sandboxes/{id}/processes/{process}/signal",
            post(processes::signal::signal),
        )
        .route("/v1/sandboxes/{id}/files/read", post(files::read::read))
        .route("/v1/sandboxes/{id}/files/list", post(files::list::list))
        .route("/v1/sandboxes/{id}/files/stat", post(files::stat::stat))
        .route("/v1/sandboxes/{id}/files/mkdir", post(files::mkdir::mkdir))
        .route("/v1/sandboxes/{id}/files/move", post(files::rename::rename))
        .route("/v1/sandboxes/{id}/files/remove", post(files::remove::remove))
        .route_layer(from_fn_with_state(gateway.clone(), admission::guest))
        .route("/v1/sandboxes/{id}/exec/stream", get(stream::stream))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::run))
        .route_layer(from_fn_with_state(gateway.clone(), auth::require))
}

/// The same with bodies of any size.
fn streamed(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/v1/sandboxes/{id}/files/write", post(files::write::write))
        .route(
            "/v1/sandboxes/{id}/files/stream/write",
            post(files::stream_write::stream_write),
        )
        .route(
            "/v1/sandboxes/{id}/files/stream/read",
            get(files::stream_read::stream_read),
        )
        .route_layer(from_fn(guard::moving))
        // Whoever types may think for a while.
        .route(
            "/v1/sandboxes/{id}/processes/{process}/stdin",
            post(processes::stdin::stdin),
        )
        .route_layer(from_fn_with_state(gateway.clone(), admission::guest))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), scope::run))
        .route_layer(from_fn_with_state(gateway.clone(), auth::require))
}
