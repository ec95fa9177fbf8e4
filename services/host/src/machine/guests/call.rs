//! One HTTP request to a guest's agent.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use roost_runtime::port::Fault;
use roost_schemas::envd::{ACCESS_TOKEN_HEADER, PORT};
use roost_schemas::trace;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one connection attempt may take. Before its network is up a guest answers nothing at all, so a short
/// attempt finds it sooner.
const CONNECT: Duration = Duration::from_millis(200);
/// Bytes of an answer that are read.
const QUOTED: usize = 1024;

/// A request that is sent on a connection of its own.
pub(super) struct Call<'a> {
    /// Where the guest is.
    pub(super) address: IpAddr,
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The sandbox's access token, where the agent may want it.
    pub(super) token: Option<&'a str>,
    /// JSON, or nothing.
    pub(super) body: Bytes,
    /// How long the agent may take to answer once it has the connection: an emulated one is slow.
    pub(super) patience: Duration,
}

/// What the agent said.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The beginning of its body.
    pub(super) body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody took the connection: the request was not sent.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// The connection broke.
    #[error("{path}: {source}")]
    Broken {
        /// The request's path.
        path: &'static str,
        /// What the connection reported.
        source: hyper::Error,
    },
    /// The agent was silent.
    #[error("{path}: no answer within {patience:?}")]
    Silent {
        /// The request's path.
        path: &'static str,
        /// How long it was waited for.
        patience: Duration,
    },
}

impl CallError {
    /// The same as the fault of a step.
    pub(super) fn fault(&self, step: &'static str) -> Fault {
        match self {
            Self::Silent { .. } => Fault::timed_out(step, self),
            Self::NoConnection(_) | Self::Broken { .. } => Fault::of(step, self),
        }
    }
}

impl Call<'_> {
    pub(super) async fn send(self) -> Result<Answer, CallError> {
        let stream = timeout(CONNECT, TcpStream::connect(SocketAddr::new(self.address, PORT))).await;
        let stream = stream.map_err(|_| CallError::NoConnection(format!("none within {CONNECT:?}")))?;
        let stream = stream.map_err(|error| CallError::NoConnection(error.to_string()))?;
        let (path, patience) = (self.path, self.patience);
        match timeout(patience, self.exchange(stream)).await {
            Ok(answer) => answer.map_err(|source| CallError::Broken { path, source }),
            Err(_) => Err(CallError::Silent { path, patience }),
        }
    }

    async fn exchange(self, stream: TcpStream) -> Result<Answer, hyper::Error> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ended with the call, also when that is dropped: nothing else is sent on this connection.
        let mut driver = tokio::task::JoinSet::new();
        driver.spawn(connection);
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("host", format!("{}:{PORT}", self.address));
        if let Some(token) = self.token {
            request = request.header(ACCESS_TOKEN_HEADER, token);
        }
        if let Some(parent) = roost_telemetry::trace::current() {
            request = request.header(trace::HEADER, parent.to_string());
        }
        if !self.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(Full::new(self.body))
            .expect("its parts are all valid");
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), QUOTED).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body })
    }
}
