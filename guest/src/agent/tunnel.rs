//! `CONNECT 127.0.0.1:<port>`: the host's way to what listens on the guest's loopback alone.
//!
//! 200 and bytes both ways, each direction ending by itself; 502 when nothing listens there, 504 when it does not take
//! the connection in time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use roost_schemas::envd;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::auth;
use super::http::{Body, empty, refusal};

/// How long a server of this guest may take to accept: its queue is full, or it is stopped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where servers of the guest listen for themselves, in the order in which they are tried.
const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Connects the host to a port of the loopback.
pub(super) async fn answer(mut request: Request<Body>, peer: IpAddr) -> Response<Body> {
    // What runs inside has the loopback itself, and no business with the agent's connections.
    if auth::is_inside(peer) {
        return refusal(StatusCode::FORBIDDEN, "only the host may open a tunnel");
    }
    let Some(port) = port(request.uri()) else {
        let message = format!(
            "{} is not open to tunnels: only 127.0.0.1 is, but for port {}",
            request.uri(),
            envd::PORT
        );
        return refusal(StatusCode::FORBIDDEN, &message);
    };
    let server = match timeout(PATIENCE, dial(port)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            return refusal(
                StatusCode::BAD_GATEWAY,
                &format!("cannot reach port {port}: {error}"),
            );
        }
        Err(_) => {
            let message = format!("port {port} takes no connection within {PATIENCE:?}");
            return refusal(StatusCode::GATEWAY_TIMEOUT, &message);
        }
    };
    tokio::spawn(join(hyper::upgrade::on(&mut request), server));
    empty(StatusCode::OK)
}

/// The port of a target that a tunnel may lead to.
fn port(uri: &Uri) -> Option<u16> {
    let authority = uri.authority()?;
    let is_loopback = authority.host() == "127.0.0.1" && !authority.as_str().contains('@');
    let port = authority
        .port_u16()
        .filter(|port| ![0, envd::PORT].contains(port));
    port.filter(|_| is_loopback)
}

async fn dial(port: u16) -> io::Result<TcpStream> {
    let mut refused = None;
    for loopback in LOOPBACKS {
        match TcpStream::connect((loopback, port)).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            // The first refusal is told: a guest without IPv6 fails the second time for its own reason.
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::ConnectionRefused.into()))
}

async fn join(host: OnUpgrade, mut server: TcpStream) {
    let Ok(host) = host.await else { return };
    // However it ends, both connections end with it.
    let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(host), &mut server).await;
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::agent::http::boxed;

    async fn connect(target: &str, peer: &str) -> Response<Body> {
        let request = Request::builder().method("CONNECT").uri(target);
        let body = boxed(http_body_util::Empty::new());
        answer(request.body(body).unwrap(), peer.parse().unwrap()).await
    }

    #[test]
    fn only_the_loopback_s_ports_are_open_and_the_agent_s_is_not() {
        let port = |target: &str| port(&target.parse().unwrap());
        assert_eq!(port("127.0.0.1:80"), Some(80));
        for closed in [
            "127.0.0.1:49983",
            "127.0.0.1:0",
            "169.254.169.254:80",
            "localhost:80",
            "10.0.0.1:80",
            "user@127.0.0.1:80",
            "[::1]:80",
            "/path",
        ] {
            assert_eq!(port(closed), None, "{closed}");
        }
    }

    #[tokio::test]
    async fn whoever_is_inside_opens_no_tunnel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        for inside in ["127.0.0.1", "::1", "169.254.0.21"] {
            assert_eq!(
                connect(&target, inside).await.status(),
                StatusCode::FORBIDDEN,
                "{inside}"
            );
        }
        assert_eq!(connect(&target, "169.254.0.22").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_closed_port_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        drop(listener);
        let answer = connect(&target, "169.254.0.22").await;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(str::from_utf8(&body).unwrap().contains("refused"), "{body:?}");
    }

    #[tokio::test]
    async fn what_listens_on_ipv6_alone_is_found() {
        let Ok(listener) = TcpListener::bind("[::1]:0").await else {
            // A machine without IPv6 has nothing to find.
            return;
        };
        let port = listener.local_addr().unwrap().port();
        assert!(dial(port).await.is_ok());
    }
}
