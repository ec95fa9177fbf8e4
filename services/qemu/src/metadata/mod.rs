//! The metadata service that a guest reads at 169.254.169.254: what Firecracker's MMDS does, in the slot's own namespace.
//!
//! ```text
//!   guest ── PUT /latest/api/token (lifetime) ─▶ token
//!         ── GET /<path> (token) ──────────────▶ document or a part of it, as JSON or as text
//! ```
//!
//! Firecracker picks these requests out of the guest's frames; here the kernel delivers them to a listener, which is
//! reachable from the guest alone because the slot's packet filter says so. The other end is untrusted: connections are
//! bounded in number, bytes and time.

mod answer;
mod listener;
mod tokens;

use crate::machine::Fault;
use listener::Listener;
use roost_engine::api::{MmdsConfig, MmdsVersion};
use serde_json::Value;
use std::{net::SocketAddrV4, sync::Arc};
use tokens::Tokens;
use tokio::sync::watch;

/// What is told, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metadata {
    /// Whether a token is needed.
    pub(crate) version: MmdsVersion,
    /// Whether the answer is always text.
    pub(crate) always_text: bool,
    /// The document.
    pub(crate) document: Value,
}

impl Metadata {
    /// What a machine with this configuration and these data tells.
    pub(crate) fn of(config: Option<&MmdsConfig>, data: Option<&Value>) -> Self {
        Self {
            version: config.map(|config| config.version).unwrap_or_default(),
            always_text: config.is_some_and(|config| config.imds_compat),
            document: data.cloned().unwrap_or_default(),
        }
    }
}

/// The service of one machine; answers as long as it lives.
#[derive(Debug)]
pub(crate) struct Service {
    current: watch::Sender<Metadata>,
    tokens: Arc<Tokens>,
    listener: Option<Listener>,
}

impl Service {
    /// A service that answers nowhere yet.
    pub(crate) fn new() -> Self {
        Self {
            current: watch::Sender::default(),
            tokens: Arc::new(Tokens::new()),
            listener: None,
        }
    }

    /// Answers at `address` from now on, and nowhere else.
    pub(crate) async fn listen(&mut self, address: SocketAddrV4) -> Result<(), Fault> {
        if self
            .listener
            .as_ref()
            .is_some_and(|listener| listener.address() == address)
        {
            return Ok(());
        }
        let opened = Listener::open(address, self.current.subscribe(), Arc::clone(&self.tokens)).await;
        let listener = opened.map_err(|error| Fault::MmdsNotServed {
            address,
            reason: error.to_string(),
        })?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Tells `metadata` from now on.
    pub(crate) fn publish(&self, metadata: Metadata) {
        self.current.send_replace(metadata);
    }
}
