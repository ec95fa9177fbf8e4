//! The host's edge: gateways' requests for what runs in this host's guests come in here.
//!
//! ```text
//!   gateway ──HTTP──▶ serve ──▶ destination ──▶ guests ──▶ guest ──▶ way ──┬──▶ address:port
//!                     one task   token, which    those that  bounds,        └──▶ agent ──CONNECT──▶ 127.0.0.1:port
//!                     each       sandbox, port   are open    its pool            for what listens there alone
//! ```
//!
//! Only what its actor has opened is reached, from before the log says that the sandbox runs until its end. Closing
//! refuses what comes, breaks off what is under way and drops what is pooled, all at once.

mod destination;
mod guest;
mod guests;
mod refusal;
mod serve;
mod way;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use roost_schemas::Owner;
use roost_schemas::token::TokenKey;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use guest::MAX_IN_FLIGHT;
use guests::Guests;

/// A listening edge; clones share it, and it listens until the last of them is dropped.
#[derive(Debug, Clone)]
pub struct Edge {
    address: SocketAddr,
    guests: Arc<Guests>,
    _listening: Arc<DropGuard>,
}

impl Edge {
    /// Listens on `address`.
    pub async fn listen(address: SocketAddr, tokens: &TokenKey) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let guests = Arc::new(Guests::new(tokens.clone()));
        let ended = CancellationToken::new();
        let shared = Arc::new(serve::Shared {
            token: tokens.edge(),
            guests: Arc::clone(&guests),
        });
        tokio::spawn(
            ended
                .clone()
                .run_until_cancelled_owned(serve::serve(listener, shared, ended.clone())),
        );
        Ok(Self {
            address,
            guests,
            _listening: Arc::new(ended.drop_guard()),
        })
    }

    /// Where gateways reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl roost_runtime::port::Edge for Edge {
    fn open(&self, owner: &Owner, address: IpAddr) {
        self.guests.open(owner, address);
    }

    fn close(&self, owner: &Owner) {
        self.guests.close(owner);
    }
}
