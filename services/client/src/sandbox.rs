//! Sandboxes and what programs left in them, as far as tools and tests look.

use anyhow::Result;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::Api;

/// A sandbox.
#[derive(Debug, Clone, Deserialize)]
pub struct Sandbox {
    /// Its id.
    pub id: String,
    /// Where it stands in its life.
    pub state: String,
    /// Milliseconds from the beginning of its boot to its guest's first answer.
    pub boot_ms: Option<u64>,
}

/// What a program left.
#[derive(Debug, Clone, Deserialize)]
pub struct Output {
    /// Its standard output, in `encoding`, maybe cut.
    pub stdout: String,
    /// Its standard error, in `encoding`, maybe cut.
    pub stderr: String,
    /// `utf-8` or `base64`.
    pub encoding: String,
    /// Whether one of them was cut.
    pub truncated: bool,
    /// All bytes it wrote to standard output.
    pub stdout_bytes: u64,
    /// Its exit code.
    pub exit_code: i32,
    /// Whether it was killed because its time was over.
    pub timed_out: bool,
    /// Milliseconds from its admission to its end.
    pub duration_ms: u64,
}

impl Api {
    /// Makes a sandbox and returns it.
    pub async fn create(&self, spec: &Value) -> Result<Sandbox> {
        self.send(Method::POST, "/v1/sandboxes", spec)
            .await?
            .read(StatusCode::CREATED)
    }

    /// The sandbox as it is now.
    pub async fn get(&self, sandbox: &str) -> Result<Sandbox> {
        self.send(Method::GET, &format!("/v1/sandboxes/{sandbox}"), &Value::Null)
            .await?
            .read(StatusCode::OK)
    }

    /// The sandboxes that live.
    pub async fn list(&self) -> Result<Vec<Sandbox>> {
        #[derive(Deserialize)]
        struct Page {
            sandboxes: Vec<Sandbox>,
        }
        let answer = self.send(Method::GET, "/v1/sandboxes", &Value::Null).await?;
        answer.read::<Page>(StatusCode::OK).map(|page| page.sandboxes)
    }

    /// Runs a program in a sandbox.
    pub async fn exec(&self, sandbox: &str, request: &Value) -> Result<Output> {
        self.send(Method::POST, &format!("/v1/sandboxes/{sandbox}/exec"), request)
            .await?
            .read(StatusCode::OK)
    }

    /// Ends a sandbox.
    pub async fn kill(&self, sandbox: &str) -> Result<()> {
        let answer = self
            .send(Method::DELETE, &format!("/v1/sandboxes/{sandbox}"), &Value::Null)
            .await?;
        answer.expect(StatusCode::NO_CONTENT).map(drop)
    }
}
