//! A target of webhooks: checks what it is sent, remembers it, and fails when it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) id: String,
    timestamp: String,
    signature: String,
    text: Bytes,
    pub(crate) body: Value,
}

impl Taken {
    /// Fails unless it is signed with `secret`, as the Standard Webhooks specification says.
    pub(crate) fn verify(&self, secret: &str) -> Result<()> {
        let secret = secret.strip_prefix("whsec_").context("a secret's prefix")?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(secret)?)?;
        mac.update(format!("{}.{}.", self.id, self.timestamp).as_bytes());
        mac.update(&self.text);
        let signature = self.signature.strip_prefix("v1,").context("a version")?;
        mac.verify_slice(&STANDARD.decode(signature)?)
            .context("the signature is not that of the secret")
    }

    /// Where the commit stands.
    pub(crate) fn sequence(&self) -> u64 {
        self.body["events"][0]["sequence"].as_u64().unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    taken: Mutex<Vec<Taken>>,
    refusing: AtomicBool,
}

/// See the module; it ends when it is dropped.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Target {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let mut server = JoinSet::new();
        let serving = Arc::clone(&shared);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                let answer = service_fn(move |request| take(Arc::clone(&shared), request));
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(Self {
            address,
            shared,
            _server: server,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on it takes nothing, or all.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, Ordering::SeqCst);
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.shared
            .taken
            .lock()
            .expect("nobody panics while it is held")
            .clone()
    }

    /// The sequences that it took of `sandbox`, each where it came first.
    pub(crate) fn sequences(&self, sandbox: &str) -> Vec<u64> {
        let mut sequences = Vec::new();
        for taken in self.taken() {
            if taken.body["sandbox"] == sandbox && !sequences.contains(&taken.sequence()) {
                sequences.push(taken.sequence());
            }
        }
        sequences
    }
}

async fn take(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>> {
    let mut response = Response::new(Empty::new());
    if shared.refusing.load(Ordering::SeqCst) {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(response);
    }
    let header = |name: &str| -> Result<String> {
        let value = request
            .headers()
            .get(name)
            .with_context(|| format!("no {name}"))?;
        Ok(value.to_str()?.to_owned())
    };
    let (id, timestamp, signature) = (
        header("webhook-id")?,
        header("webhook-timestamp")?,
        header("webhook-signature")?,
    );
    ensure!(header("content-type")? == "application/json");
    let text = request.into_body().collect().await?.to_bytes();
    let body = serde_json::from_slice(&text)?;
    let taken = Taken {
        id,
        timestamp,
        signature,
        text,
        body,
    };
    shared
        .taken
        .lock()
        .expect("nobody panics while it is held")
        .push(taken);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
