//! E2B's control plane, so that E2B's unmodified SDKs work: the same sandboxes, in another API's words.
//!
//! The routes, their fields and their errors are those of E2B's public specification; `/openapi.json` describes them as they
//! are here. What E2B's API has and Roost has not is refused by name, never ignored; fields that nobody knows are ignored,
//! because newer SDKs send more than older servers know.
//!
//! ```text
//!   POST /sandboxes, /v2/sandboxes ─────▶ create      GET  /sandboxes, /v2/sandboxes ──▶ list
//!   GET  /sandboxes/{id} ───────────────▶ get         DELETE /sandboxes/{id} ──────────▶ kill
//!   POST …/connect, /v2/…/connect ──────▶ connect     POST …/timeout, …/refreshes ─────▶ timeout, refreshes
//!   POST …/pause, …/resume, …/fork ─────▶ pause, resume, fork      PUT …/network ──────▶ network
//!   POST …/snapshots, GET /snapshots, DELETE /templates/{id} ───────────────────────────▶ snapshots
//!   GET  …/metrics, /sandboxes/metrics ─▶ metrics     GET  /templates, /v2/templates ──▶ templates
//!   anything else below these paths ────▶ 404         and every error ─────────────────▶ shape
//! ```

mod connect;
mod create;
mod dto;
mod errors;
mod extract;
mod fork;
mod get;
mod key;
mod kill;
mod list;
mod metrics;
mod network;
mod openapi;
mod pause;
mod refreshes;
mod resume;
mod sample;
mod seen;
mod shape;
mod snapshots;
mod templates;
mod timeout;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post, put};

pub(crate) use openapi::document;
pub(crate) use shape::{shape, shape_of};

use crate::state::Gateway;
use crate::{admission, auth, guard, scope};

/// The agent's version that is told to SDKs: they ask for nothing that it cannot do.
const ENVD_VERSION: &str = "0.6.13";

/// E2B's routes.
pub(crate) fn routes(gateway: &Gateway) -> Router<Gateway> {
    Router::new()
        .route("/sandboxes", post(create::v1).get(list::v1))
        .route("/v2/sandboxes", post(create::v2).get(list::v2))
        .route("/sandboxes/metrics", get(metrics::many))
        .route("/sandboxes/{id}", get(get::get).delete(kill::kill))
        .route("/sandboxes/{id}/connect", post(connect::v1))
        .route("/v2/sandboxes/{id}/connect", post(connect::v2))
        .route("/sandboxes/{id}/timeout", post(timeout::timeout))
        .route("/sandboxes/{id}/refreshes", post(refreshes::refreshes))
        .route("/sandboxes/{id}/pause", post(pause::pause))
        .route("/sandboxes/{id}/resume", post(resume::resume))
        .route("/sandboxes/{id}/fork", post(fork::fork))
        .route("/sandboxes/{id}/snapshots", post(snapshots::create))
        .route("/snapshots", get(snapshots::list))
        .route("/sandboxes/{id}/network", put(network::network))
        .route("/sandboxes/{id}/metrics", get(metrics::one))
        .route("/templates", get(templates::v1))
        .route("/v2/templates", get(templates::v2))
        .route("/templates/{template}", delete(snapshots::delete))
        .route("/templates/aliases/{alias}", get(templates::alias))
        .method_not_allowed_fallback(guard::no_method)
        .route_layer(from_fn_with_state(gateway.clone(), admission::log))
        .route_layer(from_fn(key::assign))
        .route_layer(from_fn_with_state(gateway.clone(), scope::by_method))
        .route_layer(from_fn_with_state(gateway.clone(), auth::require))
}
