//! The routes, one file each.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod fork;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod openapi;
pub(crate) mod pause;
pub(crate) mod processes;
pub(crate) mod resume;
pub(crate) mod snapshots;
pub(crate) mod stream;
pub(crate) mod templates;
pub(crate) mod tenants;
pub(crate) mod timeout;
pub(crate) mod webhooks;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use roost_schemas::{SandboxId, Sequence};
use serde::Serialize;

use crate::dto::sandbox::Sandbox;
use crate::error::ApiError;
use crate::sequence::SEQUENCE;
use crate::state::Gateway;

/// An answer in JSON that shows the log up to `sequence`.
fn answer<T: Serialize>(status: StatusCode, sequence: Sequence, body: T) -> Response {
    (status, [(SEQUENCE, sequence.to_string())], Json(body)).into_response()
}

impl Gateway {
    /// The sandbox as it was at `sequence`, which reads show already.
    async fn view_then(&self, id: &SandboxId, sequence: Sequence) -> Result<Sandbox, ApiError> {
        let view = self.then(id, sequence).await?;
        Sandbox::of(id, &view).ok_or_else(|| ApiError::no_sandbox(id))
    }

    /// The sandbox as the projection has it.
    fn view(&self, id: &SandboxId) -> Result<Sandbox, ApiError> {
        let view = self
            .fleet()
            .read(|fleet| Sandbox::of(id, fleet.sandbox(self.tenant(), id)?));
        view.ok_or_else(|| ApiError::no_sandbox(id))
    }
}
