//! The host's edge: gateways' requests for what runs in this host's guests come in here.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use roost_schemas::Owner;
use roost_schemas::token::TokenKey;
use tokio::net::TcpListener;

/// A listening edge; clones share it.
#[derive(Debug, Clone)]
pub struct Edge {
    address: SocketAddr,
    open: Arc<Mutex<HashMap<Owner, IpAddr>>>,
}

impl Edge {
    /// Listens on `address`.
    pub async fn listen(address: SocketAddr, _tokens: &TokenKey) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            open: Arc::default(),
        })
    }

    /// Where gateways reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl roost_runtime::port::Edge for Edge {
    fn open(&self, owner: &Owner, address: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(owner.clone(), address);
    }

    fn close(&self, owner: &Owner) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(owner);
    }
}
