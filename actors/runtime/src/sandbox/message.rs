//! What a sandbox actor is told.

use std::sync::Arc;

use roost_domain::sandbox::ProcessEnd;
use roost_journal::port::Delivery;
use roost_schemas::audit::{Fact, Verdict};
use roost_schemas::event::Cause;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Generation, Sequence};
use tokio::sync::oneshot;

use crate::port::Vm;

/// A message to a sandbox actor.
pub enum Message {
    /// Look at the state and take the next step; what the actor tells itself.
    Pursue,
    /// The same, as the host says it.
    Wake,
    /// A command from the queue.
    Deliver(Box<Delivery>),
    /// What became of a step, or was seen.
    Report(Box<Report>),
    /// The host has forgotten the actor; no more messages follow.
    Leave,
}

impl From<Report> for Message {
    fn from(report: Report) -> Self {
        Self::Report(Box::new(report))
    }
}

/// What became of a step, or was seen.
pub enum Report {
    /// The guest answers.
    Booted {
        /// The placement.
        generation: Generation,
        /// The VM.
        vm: Arc<dyn Vm>,
        /// Milliseconds the boot took.
        boot_ms: u64,
    },
    /// The boot did not succeed, and is undone.
    BootFailed {
        /// The placement.
        generation: Generation,
        /// Which boot it was, from 1.
        attempt: u32,
        /// Why.
        cause: Cause,
    },
    /// The VM of an earlier life of the host was looked for.
    Attached {
        /// The placement.
        generation: Generation,
        /// The VM, if it still runs.
        vm: Option<Arc<dyn Vm>>,
    },
    /// The VM is gone, unasked.
    Vanished {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// The host holds nothing of it any more.
    Released {
        /// The placement.
        generation: Generation,
    },
    /// A step could not be taken now, and is to be tried again.
    Stuck {
        /// The placement.
        generation: Generation,
    },
    /// The sandbox's slot carries out this policy.
    Applied {
        /// The placement.
        generation: Generation,
        /// The policy.
        policy: NetworkPolicy,
    },
    /// The guest's agent tells of a program that a client wants or wanted. The sender learns what became of it.
    Noticed {
        /// The placement.
        generation: Generation,
        /// What it tells.
        fact: Fact,
        /// Gets the answer.
        verdict: oneshot::Sender<Verdict>,
    },
    /// A program ended. The sender learns where the log says so.
    ProcessEnded {
        /// How.
        end: ProcessEnd,
        /// Gets the sequence.
        recorded: oneshot::Sender<Sequence>,
    },
}
