//! A target of webhooks: remembers what it takes, and treats each request as it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How a request is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It is taken: 204.
    Take,
    /// It is taken, but instead of an answer the connection is closed.
    TakeAndHangUp,
    /// It is read, and the connection is closed.
    HangUp,
    /// It is answered with this, and with `Retry-After` if there is anything to wait for.
    Refuse(StatusCode, Option<u64>),
}

/// A request that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// `webhook-id`.
    pub id: String,
    timestamp: String,
    signature: String,
    text: Bytes,
    /// What it says.
    pub body: Value,
}

impl Taken {
    /// Fails unless it is signed with `secret`, as the Standard Webhooks specification says.
    pub fn verify(&self, secret: &str) -> Result<()> {
        let secret = secret.strip_prefix("whsec_").context("a secret's prefix")?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(secret)?)?;
        mac.update(format!("{}.{}.", self.id, self.timestamp).as_bytes());
        mac.update(&self.text);
        let signature = self.signature.strip_prefix("v1,").context("a version")?;
        mac.verify_slice(&STANDARD.decode(signature)?)
            .context("the signature is not that of the secret")
    }

    /// Where the commit stands.
    pub fn sequence(&self) -> u64 {
        self.body["events"][0]["sequence"].as_u64().unwrap_or_default()
    }
}

/// Decides over the request that tells of the commit at a sequence.
type Manners = Box<dyn FnMut(u64) -> Manner + Send>;

struct Shared {
    taken: Mutex<Vec<Taken>>,
    manners: Mutex<Manners>,
}

/// See the module; it ends when it is dropped.
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Target {
    /// One on loopback that takes everything.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            taken: Mutex::default(),
            manners: Mutex::new(Box::new(|_| Manner::Take)),
        });
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

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on requests are treated so, by the sequence of the commit that they tell of.
    pub fn treats(&self, manners: impl FnMut(u64) -> Manner + Send + 'static) {
        *locked(&self.shared.manners) = Box::new(manners);
    }

    /// What it took, in the order in which it did.
    pub fn taken(&self) -> Vec<Taken> {
        locked(&self.shared.taken).clone()
    }

    /// The sequences that it took of `sandbox`, each where it came first.
    pub fn sequences(&self, sandbox: &str) -> Vec<u64> {
        let mut sequences = Vec::new();
        for taken in self.taken() {
            if taken.body["sandbox"] == sandbox && !sequences.contains(&taken.sequence()) {
                sequences.push(taken.sequence());
            }
        }
        sequences
    }
}

/// An error closes the connection.
async fn take(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>> {
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
    let taken = Taken {
        id,
        timestamp,
        signature,
        body: serde_json::from_slice(&text)?,
        text,
    };
    let manner = (locked(&shared.manners))(taken.sequence());
    if matches!(manner, Manner::Take | Manner::TakeAndHangUp) {
        locked(&shared.taken).push(taken);
    }
    let mut response = Response::new(Empty::new());
    match manner {
        Manner::Take => *response.status_mut() = StatusCode::NO_CONTENT,
        Manner::TakeAndHangUp | Manner::HangUp => bail!("hung up on purpose"),
        Manner::Refuse(status, wait) => {
            *response.status_mut() = status;
            if let Some(seconds) = wait {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
        }
    }
    Ok(response)
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
