//! A client of the gateway's HTTP API, as small as the tool and its tests need it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How long any one request may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// The gateway, as one holder of an API key sees it.
#[derive(Clone)]
pub struct Api {
    address: SocketAddr,
    key: Option<String>,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Api {
    /// The gateway at `address`.
    pub fn new(address: SocketAddr, key: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self {
            address,
            key: Some(key.to_owned()),
            http,
        }
    }

    /// The same without a key.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            key: None,
            ..self.clone()
        }
    }

    /// Sends a request with a JSON body, or none for `null`.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        self.send_raw(method, path, &[(CONTENT_TYPE.as_str(), "application/json")], body)
            .await
    }

    /// Sends a request as it is, with the API key added.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let what = format!("{method} http://{}{path}", self.address);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("X-API-Key", key);
        }
        let request = request
            .body(Full::new(body.into()))
            .with_context(|| what.clone())?;
        let exchange = async {
            let (parts, body) = self.http.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer
            .with_context(|| format!("{what}: no answer within {PATIENCE:?}"))?
            .context(what)
    }

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

impl Answer {
    /// The answer, if it has this status; else an error that quotes it.
    pub fn expect(self, status: StatusCode) -> Result<Self> {
        if self.status != status {
            bail!(
                "expected {status}, got {}: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            );
        }
        Ok(self)
    }

    /// The body as JSON, if the answer has this status.
    pub fn read<T: DeserializeOwned>(self, status: StatusCode) -> Result<T> {
        let answer = self.expect(status)?;
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("not the expected JSON: {}", String::from_utf8_lossy(&answer.body)))
    }

    /// The `code` of an error body, if it has the documented shape.
    pub fn error_code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let error = body.get("error")?;
        error
            .get("message")?
            .as_str()
            .filter(|message| !message.is_empty())?;
        error.get("code")?.as_str().map(ToOwned::to_owned)
    }
}

/// What the tool reads of a sandbox.
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
