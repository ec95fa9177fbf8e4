//! `GET /metrics` on an address of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::figures;

/// The media type of Prometheus' text format, version 0.0.4.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Connections at a time: a Prometheus or two, and a person who looks.
const CONNECTIONS: usize = 16;
/// How long a connection may last, and so the wait for a slow reader.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause after a failed accept: it fails for want of descriptors, and trying at once only burns the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on `address` for as long as the process lives; answers where that is.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));
    Ok(address)
}

async fn serve(listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // What finds no place waits in the backlog.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    let _place = place;
                    if tokio::time::timeout(PATIENCE, answer(stream)).await.is_err() {
                        tracing::debug!("a reader of metrics was too slow");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a reader of metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream) {
    let service = service_fn(async |request| Ok::<_, Infallible>(respond(&request)));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "the connection of a reader of metrics broke");
    }
}

fn respond(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, header, body) = match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) => {
            (StatusCode::OK, (CONTENT_TYPE, TEXT), figures::render())
        }
        ("/metrics", _) => (
            StatusCode::METHOD_NOT_ALLOWED,
            (ALLOW, "GET, HEAD"),
            String::new(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            (CONTENT_TYPE, "text/plain"),
            "figures are at /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let (name, value) = header;
    response
        .headers_mut()
        .insert(name, hyper::header::HeaderValue::from_static(value));
    response
}
