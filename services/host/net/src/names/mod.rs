//! The names of a slot's guest: its port 53, and what its packet filter knows of the names that its policy allows.
//!
//! ```text
//!  guest asks ─▶ roost-dns ─▶ gate: is the name one that the policy allows?
//!                                │ yes: address ─▶ mark of the name, in a map of the slot's rules, for the answer's life
//!                                ▼
//!                     guest is told the address, and connects
//!                                │ first packet: the map marks the connection
//!                                ▼
//!                     the connection passes for as long as the name is allowed, however short the answer's life was
//! ```
//!
//! The port is served by this process: while the host agent is away, questions wait until it is back, and are asked again
//! by the guest.

mod gate;
mod pins;

use std::sync::Arc;

use roost_dns::{Forwarder, Sockets, serve};
use tokio::task::JoinHandle;

use crate::egress::Reach;
use crate::host::Host;
use crate::rules::forbidden_targets;
use gate::SlotGate;
pub(crate) use pins::{Pin, mark_of};

/// One slot's port for names, served until it is closed or dropped.
#[derive(Debug)]
pub(crate) struct Desk {
    gate: Arc<SlotGate>,
    task: JoinHandle<()>,
}

impl Desk {
    /// Serves `sockets` of slot `number`, whose packet filter carries out `reach`.
    pub(crate) fn open(host: Arc<Host>, number: u32, reach: Reach, sockets: Sockets) -> Self {
        let forwarder = Forwarder::new(host.config.resolver, forbidden_targets(&host.plan));
        let gate = Arc::new(SlotGate::new(host, number, reach));
        let served = Arc::clone(&gate);
        let task = tokio::spawn(async move {
            if let Err(error) = serve(sockets, forwarder, &*served).await {
                tracing::error!(number, %error, "a guest's port for names cannot be served");
            }
        });
        Self { gate, task }
    }

    /// What changes the slot's policy.
    pub(crate) fn gate(&self) -> Arc<SlotGate> {
        Arc::clone(&self.gate)
    }

    /// Stops serving; the sockets are closed when this is done, and no longer hold the slot's namespace.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        // Cancelled is what it is.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.task.abort();
    }
}
