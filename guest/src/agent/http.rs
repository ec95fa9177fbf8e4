//! Which request goes where, and who may make it.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use connectrpc::{Chain, ConnectError, ConnectRpcService, Limits};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use roost_schemas::audit::PATH;
use roost_schemas::envd::TIMEOUT_HEADER;
use roost_schemas::envd::filesystem::FilesystemServer;
use roost_schemas::envd::process::ProcessServer;
use thiserror::Error;
use tower::ServiceExt;

use super::audit::{self, Audit, MARKS};
use super::auth;
use super::envs;
use super::files;
use super::filesystem::Files;
use super::metrics::Metrics;
use super::mmds::Doorkeeper;
use super::process::Processes;
use super::quiesce;
use super::rest::Rest;
use super::settings::Store;
use super::setup;
use super::tunnel;
use super::wake;

/// Longest accepted request body, in bytes; a longer one is answered with `resource_exhausted`.
pub(super) const MAX_BODY: usize = 4 << 20;

/// A body of any kind, of a request or of a response.
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body broke off.
#[derive(Debug, Error)]
#[error(transparent)]
pub(super) struct BodyError(Box<dyn Error + Send + Sync>);

/// Answers requests; clones share everything.
#[derive(Clone)]
pub(super) struct Server {
    store: Arc<Store>,
    door: Arc<Doorkeeper>,
    audit: Arc<Audit>,
    metrics: Arc<Metrics>,
    rest: Arc<Rest>,
    connect: ConnectRpcService<Chain<ProcessServer<Processes>, FilesystemServer<Files>>>,
}

impl Server {
    pub(super) fn new(store: Arc<Store>, door: Doorkeeper) -> Self {
        let limits = Limits::default()
            .with_max_request_body_size(MAX_BODY)
            .with_max_message_size(MAX_BODY);
        let audit = Arc::new(Audit::open(PathBuf::from(MARKS)));
        let processes = ProcessServer::new(Processes::new(Arc::clone(&store), Arc::clone(&audit)));
        let files = FilesystemServer::new(Files::new(Arc::clone(&store)));
        Self {
            store,
            door: Arc::new(door),
            audit,
            metrics: Arc::default(),
            rest: Arc::new(Rest::of_guest()),
            connect: ConnectRpcService::new(Chain(processes, files)).with_limits(limits),
        }
    }

    pub(super) async fn answer(self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/health") => empty(StatusCode::NO_CONTENT),
            (_, "/health") => not_allowed("GET, HEAD"),
            (&Method::POST, "/init") => {
                setup::answer(request, peer, &self.store, &self.door, &self.rest).await
            }
            (_, "/init") => not_allowed("POST"),
            (_, "/files") => files::answer(request, &self.store).await,
            _ if !auth::admits(self.store.current().access_token.as_deref(), request.headers()) => {
                unauthenticated(&request)
            }
            (&Method::POST, "/quiesce") => quiesce::answer(peer.ip(), &self.rest).await,
            (&Method::POST, "/wake") => wake::answer(peer.ip(), &self.rest).await,
            (_, "/quiesce" | "/wake") => not_allowed("POST"),
            (&Method::GET, PATH) => audit::answer(request, peer.ip(), &self.audit),
            (_, "/files/compose") => files::compose(request, &self.store).await,
            (&Method::GET, "/metrics") => self.metrics.answer().await,
            (&Method::GET, "/envs") => envs::answer(&self.store),
            (_, "/metrics" | "/envs") => not_allowed("GET"),
            (&Method::CONNECT, _) => tunnel::answer(request, peer.ip()).await,
            _ => match self.connect.oneshot(without_empty_timeout(request)).await {
                Ok(response) => response.map(boxed),
                Err(never) => match never {},
            },
        }
    }
}

/// For clients a timeout of 0 is none; for Connect it would be over already.
fn without_empty_timeout(mut request: Request<Body>) -> Request<Body> {
    if request
        .headers()
        .get(TIMEOUT_HEADER)
        .is_some_and(|value| value == "0")
    {
        request.headers_mut().remove(TIMEOUT_HEADER);
    }
    request
}

/// A refusal in the words of the protocol that the path belongs to.
fn unauthenticated(request: &Request<Body>) -> Response<Body> {
    const MESSAGE: &str = "the access token is missing or wrong";
    let plain = ["/files/compose", "/metrics", "/envs", "/quiesce", "/wake"];
    if plain.contains(&request.uri().path()) {
        return refusal(StatusCode::UNAUTHORIZED, MESSAGE);
    }
    ConnectError::unauthenticated(MESSAGE)
        .into_http_response(request.headers())
        .map(boxed)
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(boxed(Empty::new()));
    *response.status_mut() = status;
    response
}

/// A refusal in E2B's shape: `{"code":…,"message":…}`.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let text = serde_json::json!({ "code": status.as_u16(), "message": message }).to_string();
    let mut response = Response::new(boxed(Full::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 405, with what is allowed.
pub(super) fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, &format!("use {allowed}"));
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Any body as [`Body`].
pub(super) fn boxed<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    body.map_err(|error| BodyError(error.into())).boxed_unsync()
}
