//! The way into a guest: straight to the port, or through the agent to what listens on the guest's loopback alone.
//!
//! ```text
//!   connect address:port ──accepted──▶ the connection
//!        └──refused── CONNECT 127.0.0.1:port at the agent ──200──▶ the connection
//!                                                          ├─502─▶ closed
//!                                                          └─ or none within its time ─▶ failed
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use roost_proxy::{MAX_HEAD, MAX_HEADERS};
use roost_schemas::envd;
use tokio::net::TcpStream;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no way in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWay {
    /// Nothing listens there.
    #[error("nothing listens there")]
    Closed,
    /// The guest did not take the connection in time.
    #[error("no connection within {PATIENCE:?}")]
    Late,
    /// The connection failed in another way.
    #[error("no connection")]
    Failed(#[source] io::Error),
    /// The agent did not connect us.
    #[error("the agent answers CONNECT with {0}")]
    Agent(StatusCode),
    /// The connection to the agent broke.
    #[error("no answer from the agent to CONNECT")]
    NoAgent(#[source] hyper::Error),
    /// Something that is not our agent answers there.
    #[error("the agent spoke before it was asked")]
    Unasked,
}

/// Makes connections into one guest; a connector for HTTP clients.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    address: IpAddr,
    token: Arc<str>,
}

impl Way {
    /// To the guest at `address`, whose agent takes `token`.
    pub(crate) fn new(address: IpAddr, token: String) -> Self {
        Self {
            address,
            token: token.into(),
        }
    }

    async fn connect(&self, port: u16) -> Result<TcpStream, NoWay> {
        let found = async {
            match dial(SocketAddr::new(self.address, port)).await {
                Err(NoWay::Closed) if port != envd::PORT => self.through_agent(port).await,
                dialled => dialled,
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or(Err(NoWay::Late))
    }

    async fn through_agent(&self, port: u16) -> Result<TcpStream, NoWay> {
        let stream = dial(SocketAddr::new(self.address, envd::PORT)).await?;
        let handshake = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .handshake::<_, Empty<&[u8]>>(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(NoWay::NoAgent)?;
        // Ends when the sender is dropped, or gives the stream away.
        tokio::spawn(connection.with_upgrades());
        let target = format!("127.0.0.1:{port}");
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri(&target)
            .header(header::HOST, &target)
            .header(envd::ACCESS_TOKEN_HEADER, &*self.token)
            .body(Empty::new())
            .expect("its parts are all valid");
        let response = sender.send_request(request).await.map_err(NoWay::NoAgent)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::BAD_GATEWAY => return Err(NoWay::Closed),
            other => return Err(NoWay::Agent(other)),
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(NoWay::NoAgent)?;
        let parts = upgraded
            .downcast::<TokioIo<TcpStream>>()
            .expect("the stream it was made of");
        // HTTP servers wait for a request.
        if !parts.read_buf.is_empty() {
            return Err(NoWay::Unasked);
        }
        Ok(parts.io.into_inner())
    }
}

async fn dial(address: SocketAddr) -> Result<TcpStream, NoWay> {
    let stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Err(NoWay::Closed),
        Err(error) => return Err(NoWay::Failed(error)),
    };
    // Small writes are awaited by somebody.
    stream.set_nodelay(true).map_err(NoWay::Failed)?;
    Ok(stream)
}

impl tower::Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = NoWay;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NoWay>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoWay>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let way = self.clone();
        Box::pin(async move {
            let port = uri.port_u16().unwrap_or(80);
            way.connect(port).await.map(TokioIo::new)
        })
    }
}
