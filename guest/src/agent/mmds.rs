//! The sandbox's metadata: who it is, and whose greeting it may believe.
//!
//! ```text
//! POST /init (token) ─▶ PUT /latest/api/token ─▶ GET / ─▶ hash(token) = accessTokenHash?  yes: settings, no: 401
//! ```
//!
//! Read anew for every greeting and never kept: after a restore the document is another one, and a token that was good
//! before the snapshot was taken must not open the copy. The service is the engine's (see `roost_schemas::metadata`).

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use roost_schemas::metadata::{ADDRESS, Metadata, token_hash};
use subtle::ConstantTimeEq;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

const PORT: u16 = 80;

/// Seconds the session token is to be valid; it is used at once.
const LIFETIME: HeaderValue = HeaderValue::from_static("60");

/// Longest answer read, in bytes: an engine's data have at most 50 KiB.
const MAX_ANSWER: usize = 64 << 10;

/// How long one request may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// How long the whole may take; the host waits a little longer for the answer to its greeting.
const PATIENCE: Duration = Duration::from_secs(6);

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks at who greets.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    service: Option<SocketAddr>,
    patience: Duration,
    /// One at a time: this path is guarded by nothing else, and each look costs two requests.
    turn: Mutex<()>,
}

/// Why a greeting is not believed.
#[derive(Debug, Error)]
pub(super) enum Denied {
    /// Its token is another sandbox's, or nobody's.
    #[error("the access token does not match this sandbox's metadata")]
    Token,
    /// Without metadata nobody can be believed.
    #[error("cannot read this sandbox's metadata at {service}: {error}")]
    Unreadable { service: SocketAddr, error: ReadError },
}

/// Why there is no document.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{method} was answered with {status}")]
    Status { method: Method, status: StatusCode },
    #[error("the answer broke off or exceeds {MAX_ANSWER} bytes: {0}")]
    Body(Box<dyn Error + Send + Sync>),
    #[error("the session token is no header value")]
    Session,
    #[error("the document is not valid: {0}")]
    Document(#[from] serde_json::Error),
    #[error("no answer within {ATTEMPT:?}")]
    Silence,
}

impl Doorkeeper {
    /// One that asks the metadata service if there is one, and otherwise believes everybody.
    pub(super) fn new(has_metadata: bool) -> Self {
        Self::asking(has_metadata.then(|| SocketAddr::from((ADDRESS, PORT))))
    }

    fn asking(service: Option<SocketAddr>) -> Self {
        Self {
            service,
            patience: PATIENCE,
            turn: Mutex::default(),
        }
    }

    /// Believes a greeting with the right token: answers with the metadata, if there are any.
    pub(super) async fn admit(&self, token: Option<&str>) -> Result<Option<Metadata>, Denied> {
        let Some(service) = self.service else {
            return Ok(None);
        };
        let _turn = self.turn.lock().await;
        let read = read(service, self.patience).await;
        let metadata = read.map_err(|error| Denied::Unreadable { service, error })?;
        let given = token_hash(token.unwrap_or_default());
        let right = given.as_bytes().ct_eq(metadata.access_token_hash.as_bytes());
        if token.is_some() && bool::from(right) {
            Ok(Some(metadata))
        } else {
            Err(Denied::Token)
        }
    }
}

/// The document, tried for until `patience` has run out: the engine may be told it only after the guest runs.
async fn read(service: SocketAddr, patience: Duration) -> Result<Metadata, ReadError> {
    let deadline = Instant::now() + patience;
    loop {
        let error = match timeout_at(deadline, attempt(service)).await {
            Ok(Ok(metadata)) => return Ok(metadata),
            Ok(Err(error)) => error,
            Err(_) => ReadError::Silence,
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

async fn attempt(service: SocketAddr) -> Result<Metadata, ReadError> {
    let session = Request::put("/latest/api/token").header("x-metadata-token-ttl-seconds", LIFETIME);
    let session = ask(service, session).await?;
    let session = HeaderValue::from_maybe_shared(session).map_err(|_| ReadError::Session)?;
    let document = Request::get("/")
        .header("x-metadata-token", session)
        .header(header::ACCEPT, "application/json");
    Ok(serde_json::from_slice(&ask(service, document).await?)?)
}

/// One request on a connection of its own.
async fn ask(service: SocketAddr, request: http::request::Builder) -> Result<Bytes, ReadError> {
    let request = request
        .header(header::HOST, service.to_string())
        .body(Empty::<Bytes>::new())
        .expect("its parts are valid");
    timeout(ATTEMPT, exchange(service, request))
        .await
        .unwrap_or(Err(ReadError::Silence))
}

async fn exchange(service: SocketAddr, request: Request<Empty<Bytes>>) -> Result<Bytes, ReadError> {
    let stream = TcpStream::connect(service).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the sender and the body.
    tokio::spawn(connection);
    let method = request.method().clone();
    let response = sender.send_request(request).await?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(ReadError::Status { method, status });
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    Ok(body.map_err(ReadError::Body)?.to_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A service that answers one connection after the other with these, over and over.
    async fn service(answers: Vec<String>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for answer in answers.iter().cycle() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn document(token: &str) -> String {
        let hash = token_hash(token);
        ok(&format!(
            r#"{{"instanceID":"sb1","envID":"base","accessTokenHash":"{hash}","later":1}}"#
        ))
    }

    fn doorkeeper(service: SocketAddr) -> Doorkeeper {
        Doorkeeper {
            patience: Duration::from_mins(1),
            ..Doorkeeper::asking(Some(service))
        }
    }

    #[tokio::test]
    async fn only_the_token_that_the_metadata_mean_is_believed() {
        let door = doorkeeper(service(vec![ok("session"), document("secret")]).await);
        let metadata = door.admit(Some("secret")).await.unwrap().unwrap();
        assert_eq!(
            (metadata.sandbox.as_str(), metadata.template.as_str()),
            ("sb1", "base")
        );
        for wrong in [None, Some(""), Some("secre"), Some("SECRET")] {
            assert!(matches!(door.admit(wrong).await, Err(Denied::Token)), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn what_was_right_before_a_restore_is_not_afterwards() {
        let answers = [ok("session"), document("old"), ok("session"), document("new")];
        let door = doorkeeper(service(answers.into()).await);
        assert!(door.admit(Some("old")).await.is_ok());
        assert!(matches!(door.admit(Some("old")).await, Err(Denied::Token)));
    }

    #[tokio::test]
    async fn data_that_come_late_are_waited_for() {
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
        let answers = [
            ok("session"),
            ok("null"),
            missing,
            ok("session"),
            document("secret"),
        ];
        let door = doorkeeper(service(answers.into()).await);
        assert!(door.admit(Some("secret")).await.is_ok());
    }

    #[tokio::test]
    async fn without_a_service_everybody_is_believed_and_with_a_broken_one_nobody() {
        assert_eq!(Doorkeeper::new(false).admit(None).await.unwrap(), None);
        let long = "x".repeat(MAX_ANSWER + 1);
        for answers in [
            vec![String::new()],
            vec!["SSH-2.0-x\r\n".to_owned()],
            vec![ok("two\r\nlines")],
            vec![ok(&long)],
            vec![ok("session"), ok("[")],
            vec![
                ok("session"),
                ok(r#"{"instanceID":"../x","envID":"base","accessTokenHash":""}"#),
            ],
        ] {
            let door = Doorkeeper {
                patience: Duration::from_millis(200),
                ..doorkeeper(service(answers.clone()).await)
            };
            let denied = door.admit(Some("secret")).await;
            assert!(
                matches!(denied, Err(Denied::Unreadable { .. })),
                "{answers:?}: {denied:?}"
            );
        }
    }
}
