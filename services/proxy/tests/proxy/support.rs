//! A proxy in front of a server that plays what a test tells it, and clients that write what they like.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioIo, TokioTimer};
use roost_proxy::{Body, Exchange, ForwardError, Lease, Pool, Proxy, boxed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A server's address; every connection is handed to `serve`.
pub(crate) async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A server that reads a head and then answers with these bytes and closes.
pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    server(move |mut stream| {
        let answer = answer.clone();
        async move {
            head(&mut stream).await;
            // The proxy may have had enough before the end.
            let _ = stream.write_all(&answer).await;
        }
    })
    .await
}

/// A proxy in front of `server`; its exchanges end with the token.
pub(crate) async fn proxy(server: SocketAddr, ended: &CancellationToken) -> SocketAddr {
    let pool = Pool {
        size: 8,
        idle: Duration::from_secs(5),
    };
    let proxy = Proxy::new(HttpConnector::new(), pool);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let ended = ended.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (proxy, ended) = (proxy.clone(), ended.clone());
            let service = service_fn(move |request| answer(proxy.clone(), request, server, ended.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    address
}

/// The same, with exchanges that nobody ends.
pub(crate) async fn free(server: SocketAddr) -> SocketAddr {
    proxy(server, &CancellationToken::new()).await
}

async fn answer(
    proxy: Proxy<HttpConnector>,
    request: Request<Incoming>,
    server: SocketAddr,
    ended: CancellationToken,
) -> Result<Response<Body>, Infallible> {
    let failed = |status, text: String| {
        let mut response = Response::new(boxed(http_body_util::Full::from(text)));
        *response.status_mut() = status;
        response
    };
    let exchange = match Exchange::new(request) {
        Ok(exchange) => exchange,
        Err(unfit) => return Ok(failed(StatusCode::BAD_REQUEST, unfit.to_string())),
    };
    let authority = server.to_string().parse().unwrap();
    let forwarded = proxy.forward(exchange, authority, Lease::new(ended, ())).await;
    Ok(forwarded.unwrap_or_else(|error: ForwardError| failed(StatusCode::BAD_GATEWAY, error.chain())))
}

/// Connects and sends.
pub(crate) async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// What comes until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too; what came before it counts.
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "no end after {:?}", String::from_utf8_lossy(&bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One request, and all that comes back on its connection.
pub(crate) async fn talk(address: SocketAddr, request: &str) -> String {
    rest(&mut send(address, request).await).await
}

/// Reads up to the end of a head, byte by byte, so that what follows stays in the stream.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    until(stream, "\r\n\r\n").await
}

/// Reads up to `end`.
pub(crate) async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let byte = tokio::time::timeout(LONG, stream.read_u8()).await.unwrap();
        let Ok(byte) = byte else { break };
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap()
}
