//! Waiting for a guest's first answer, and telling it what it needs to know.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use roost_runtime::port::{Fault, Greeting};
use roost_schemas::envd::PORT;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long one connection attempt may take. Before its network is up a guest answers nothing at all, so a short
/// attempt finds it sooner.
const CONNECT: Duration = Duration::from_millis(200);
/// How long a guest that accepted a connection may take to answer: an emulated one is slow while it still boots.
const ANSWER: Duration = Duration::from_secs(10);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of a refusal that are quoted.
const QUOTED: usize = 1024;

/// As whom programs run that name nobody, which is what E2B's SDKs expect. In a template without this user it is root.
const USER: &str = "user";

/// Asks `/health` until it answers, for at most `patience`.
pub(super) async fn until_ready(address: IpAddr, patience: Duration) -> Result<(), Fault> {
    const STEP: &str = "wait for the guest";
    let deadline = Instant::now() + patience;
    let mut last = String::from("nothing was tried");
    while Instant::now() < deadline {
        match call(address, Method::GET, "/health", Bytes::new()).await {
            Ok((status, _)) if status.is_success() => return Ok(()),
            Ok((status, body)) => last = format!("/health answered {status}: {body}"),
            Err(error) => last = error,
        }
        tokio::time::sleep(PAUSE).await;
    }
    let detail = format!("no answer from its agent at {address}:{PORT} within {patience:?}; last: {last}");
    Err(Fault::timed_out(STEP, detail))
}

/// Tells the guest the time, its variables, its user and its access token, and that its host will follow its audit feed.
pub(super) async fn init(address: IpAddr, greeting: &Greeting, token: &str) -> Result<(), Fault> {
    const STEP: &str = "greet the guest";
    let body = json!({
        "accessToken": token,
        "defaultUser": USER,
        "envVars": greeting.env,
        "audit": true,
        "timestamp": Timestamp::now().to_string(),
    });
    match call(address, Method::POST, "/init", Bytes::from(body.to_string())).await {
        Ok((StatusCode::NO_CONTENT, _)) => Ok(()),
        Ok((status, body)) => Err(Fault::new(STEP, format!("/init answered {status}: {body}"))),
        Err(error) => Err(Fault::new(STEP, error)),
    }
}

/// One request on a connection of its own; answers with at most [`QUOTED`] bytes of the body.
async fn call(
    address: IpAddr,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, String), String> {
    let stream = timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, PORT)));
    let stream = stream
        .await
        .map_err(|_| format!("no connection within {CONNECT:?}"))?;
    let stream = stream.map_err(|error| format!("no connection: {error}"))?;
    let exchange = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("{address}:{PORT}"))
            .header("content-type", "application/json")
            .body(Full::new(body))
            .expect("its parts are all valid");
        let response = sender.send_request(request).await;
        let answer = match response {
            Ok(response) => {
                let status = response.status();
                let body = Limited::new(response.into_body(), QUOTED).collect().await;
                let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                Ok((status, String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => Err(error),
        };
        driver.abort();
        answer
    };
    match timeout(ANSWER, exchange).await {
        Ok(answer) => answer.map_err(|error| format!("{path}: {error}")),
        Err(_) => Err(format!("{path}: no answer within {ANSWER:?}")),
    }
}
