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
//! The port is served by this process: while the host agent is away, questions go unanswered, and are asked again by the
//! guest. What was answered before goes on: the map is the kernel's, and is read back by the next process (`found`).

mod found;
mod gate;
mod pins;

use std::sync::Arc;

use roost_dns::{Forwarder, Sockets, serve};
use tokio::task::JoinHandle;

use crate::egress::Reach;
use crate::host::Host;
use crate::rules::forbidden_targets;
pub(crate) use found::found;
use gate::SlotGate;
pub(crate) use pins::{Pin, Pins, mark_of};

/// One slot's port for names, served until it is closed or dropped.
#[derive(Debug)]
pub(crate) struct Desk {
    gate: SlotGate,
    task: JoinHandle<()>,
}

impl Desk {
    /// Serves `sockets` of slot `number`, whose packet filter carries out `reach` and has `pins`.
    pub(crate) fn open(host: Arc<Host>, number: u32, reach: Reach, sockets: Sockets, pins: Pins) -> Self {
        let forwarder = Forwarder::new(host.config.resolver, forbidden_targets(&host.plan));
        let gate = SlotGate::new(host, number, reach, pins);
        let served = gate.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = serve(sockets, forwarder, &served).await {
                tracing::error!(number, %error, "a guest's port for names cannot be served");
            }
        });
        Self { gate, task }
    }

    /// What changes the slot's policy.
    pub(crate) fn gate(&self) -> SlotGate {
        self.gate.clone()
    }

    /// Stops serving. When this is done the sockets are closed, and nothing more is done in the slot's namespace.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        // Cancelled is what it is.
        let _ = (&mut self.task).await;
        self.gate.close().await;
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.task.abort();
    }
}
