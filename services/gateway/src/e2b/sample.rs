//! Asking a sandbox's agent what the sandbox uses, by the way that clients' requests take too.

use std::time::Duration;

use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use roost_schemas::SandboxId;

use super::dto::metric::{Measured, Metric};
use crate::door::Shut;
use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// The agent's port.
const PORT: u16 = 49983;
/// The header that carries the sandbox's access token.
const ACCESS_TOKEN: &str = "x-access-token";
/// How long an agent may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes its answer may have.
const MAX_ANSWER: usize = 64 << 10;

impl Gateway {
    /// What `id` uses now; nothing if it does not run.
    pub(super) async fn sample(&self, id: &SandboxId) -> Result<Option<Metric>, ApiError> {
        let door = match self.door(id, PORT) {
            Ok(door) => door,
            Err(Shut::NoSandbox | Shut::NotRunning(_)) => return Ok(None),
            Err(Shut::NoEdge) => return Err(silent(id, "its host has no edge")),
        };
        let mut request = Request::get(format!("{}/metrics", door.base));
        for (name, value) in door.headers {
            request = request.header(name, value);
        }
        let request = request.header(ACCESS_TOKEN, self.tokens().access(id));
        let why = match tokio::time::timeout(PATIENCE, ask(request)).await {
            Ok(Ok(measured)) => return Ok(Some(measured.into())),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing came within {PATIENCE:?}"),
        };
        match self.door(id, PORT) {
            // It was paused, or ended, while it was asked.
            Err(Shut::NoSandbox | Shut::NotRunning(_)) => Ok(None),
            _ => Err(silent(id, &why)),
        }
    }
}

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
enum NoSample {
    #[error("the request cannot be written: {0}")]
    Request(#[from] axum::http::Error),
    #[error("its host's edge cannot be reached: {0}")]
    Edge(#[from] legacy::Error),
    #[error("the answer breaks off: {0}")]
    Body(#[from] Box<dyn std::error::Error + Send + Sync>),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("the answer is not what agents tell: {0}")]
    Answer(#[from] serde_json::Error),
}

async fn ask(request: Builder) -> Result<Measured, NoSample> {
    // One request now and then: a connection is not worth keeping.
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http();
    let answer = client.request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER)
        .collect()
        .await?
        .to_bytes();
    if status != StatusCode::OK {
        return Err(NoSample::Status(status));
    }
    Ok(serde_json::from_slice(&body)?)
}

fn silent(id: &SandboxId, why: &str) -> ApiError {
    ApiError::new(
        Code::Unavailable,
        format!("the agent of sandbox {id} does not tell what it uses: {why}; try again"),
    )
}
