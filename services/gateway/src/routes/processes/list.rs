//! `GET /v1/sandboxes/{id}/processes`: what runs in a sandbox now.

use axum::Json;
use roost_schemas::envd::process::ListRequest;

use crate::dto::process::{Process, ProcessList};
use crate::error::{ApiError, ProcessErrors};
use crate::extract::Id;
use crate::guest::Context;
use crate::state::Gateway;

/// List what runs in a sandbox
///
/// Asked of its agent, which tells what was started by commands or through itself. What has ended is in the events.
#[utoipa::path(
    get,
    path = "/v1/sandboxes/{id}/processes",
    operation_id = "list_processes",
    tag = "processes",
    params(("id" = String, Path, description = "The sandbox.")),
    responses((status = 200, description = "What runs now, in no particular order.", body = ProcessList), ProcessErrors)
)]
pub(crate) async fn list(gateway: Gateway, Id(id): Id) -> Result<Json<ProcessList>, ApiError> {
    let listed = gateway
        .agent(&id)
        .await?
        .processes()
        .list(ListRequest::default())
        .await;
    let listed = listed.map_err(|error| Context::processes(&id).rpc(error))?;
    let commanded = gateway.fleet().read(|fleet| {
        let view = fleet.sandbox(gateway.tenant(), &id);
        view.map(|view| view.state.commanded()).unwrap_or_default()
    });
    let is_command = |tag: &str| commanded.iter().any(|process| process.as_str() == tag);
    let processes = listed.into_owned().processes.into_iter();
    let processes = processes.map(|info| Process::of(info, is_command)).collect();
    Ok(Json(ProcessList { processes }))
}
