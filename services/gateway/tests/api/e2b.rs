//! E2B's routes: what SDKs send, what they need of the answers, and what they are refused.

mod bodies;
mod create;
mod life;
mod list;
mod metrics;
mod network;
mod routes;
mod sleep;

use serde_json::{Value, json};

use crate::world::World;

/// Whether a path is one of E2B's API.
pub(crate) fn owns(path: &str) -> bool {
    let path = ["/v2", "/v3"]
        .iter()
        .find_map(|version| path.strip_prefix(version))
        .unwrap_or(path);
    ["/sandboxes", "/templates", "/snapshots", "/volumes", "/teams"]
        .iter()
        .any(|owned| path == *owned || path.starts_with(&format!("{owned}/")))
}

/// The answer to a create that works.
pub(crate) async fn create(world: &World, body: &Value) -> Value {
    let mut body = body.clone();
    body["templateID"] = json!("base");
    world.post("/v2/sandboxes", &body).send().await.ok(201)
}

/// A running sandbox's id.
pub(crate) async fn sandbox(world: &World) -> String {
    create(world, &json!({})).await["sandboxID"]
        .as_str()
        .unwrap()
        .to_owned()
}
