//! One open guest: its bounds, its connections, and their common end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::uri::Authority;
use roost_proxy::{Body, Exchange, ForwardError, Lease, Pool, Proxy};
use roost_schemas::edge::EdgeError;
use roost_schemas::{Owner, envd};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::refusal::Refusal;
use crate::way::{NoWay, Way};

/// Requests and tunnels that a sandbox may have at a time.
pub const MAX_IN_FLIGHT: usize = 1024;

/// Connections to the agent, kept for a moment: most calls are short and come in a row. The agent itself gives up
/// idle ones after 30 s.
const AGENT: Pool = Pool {
    size: 16,
    idle: Duration::from_secs(10),
};
/// A user's server gets a connection for each request. Many serve one connection at a time, and an idle one would
/// keep the others out; many close idle ones within seconds, just as the next request comes.
const PORTS: Pool = Pool::NONE;

/// A guest that may be reached.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) owner: Owner,
    pub(crate) address: IpAddr,
    closed: CancellationToken,
    in_flight: Arc<Semaphore>,
    agent: Proxy<Way>,
    ports: Proxy<Way>,
}

impl Guest {
    /// A guest whose agent takes `token`.
    pub(crate) fn new(owner: Owner, address: IpAddr, token: String) -> Self {
        let way = Way::new(address, token);
        Self {
            owner,
            address,
            closed: CancellationToken::new(),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            agent: Proxy::new(way.clone(), AGENT),
            ports: Proxy::new(way, PORTS),
        }
    }

    /// Ends everything under way. What is pooled goes with the last request.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    #[cfg(test)]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Lets the guest answer.
    pub(crate) async fn answer(&self, exchange: Exchange, port: u16) -> Result<Response<Body>, Refusal> {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            let message = format!(
                "sandbox {} has {MAX_IN_FLIGHT} requests under way",
                self.owner.sandbox
            );
            return Err(Refusal::new(EdgeError::Busy, message));
        };
        let address = SocketAddr::new(self.address, port);
        let authority =
            Authority::try_from(address.to_string()).expect("an address and a port are an authority");
        let lease = Lease::new(self.closed.clone(), permit);
        // An agent's path is checked once, here; what came through a tunnel would not be.
        let forwarded = if port == envd::PORT {
            self.agent
                .forward(exchange.without_upgrade(), authority, lease)
                .await
        } else {
            self.ports.forward(exchange, authority, lease).await
        };
        forwarded.map_err(|error| self.refusal(&error, port))
    }

    fn refusal(&self, error: &ForwardError, port: u16) -> Refusal {
        let sandbox = &self.owner.sandbox;
        let kind = match (error, error.find::<NoWay>()) {
            (ForwardError::Ended, _) => return Refusal::no_sandbox(sandbox),
            (_, Some(NoWay::Closed)) => EdgeError::PortClosed,
            _ => EdgeError::Unreachable,
        };
        Refusal::new(
            kind,
            format!("port {port} of sandbox {sandbox}: {}", error.chain()),
        )
    }
}
