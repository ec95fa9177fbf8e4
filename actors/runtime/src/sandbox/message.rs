//! What a sandbox actor is told.

use std::sync::Arc;

use roost_domain::sandbox::ProcessEnd;
use roost_journal::port::Delivery;
use roost_schemas::audit::{Fact, Verdict};
use roost_schemas::event::Cause;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Generation, Sequence, SnapshotId, TemplateName};
use tokio::sync::oneshot;

use crate::port::{Sealed, Vm};

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
    /// The guest answers, after a start or a resume.
    Booted {
        /// The placement.
        generation: Generation,
        /// The VM.
        vm: Arc<dyn Vm>,
        /// Milliseconds the boot, or the restore, took.
        boot_ms: u64,
        /// What it was restored from.
        restored_from: Option<SnapshotId>,
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
    /// The VM of an earlier life of the host still runs.
    Attached {
        /// The placement.
        generation: Generation,
        /// The VM.
        vm: Arc<dyn Vm>,
    },
    /// A step found that the VM is gone, or is of no use any more.
    Gone {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// It is sealed.
    Sealed {
        /// The placement.
        generation: Generation,
        /// What it was sealed as.
        sealed: Sealed,
    },
    /// It could not be sealed, and runs on.
    PauseFailed {
        /// The placement.
        generation: Generation,
        /// What it was to be sealed as.
        snapshot: SnapshotId,
        /// Why.
        cause: Cause,
    },
    /// What a placement held that a pause has ended is freed.
    Freed {
        /// The placement.
        generation: Generation,
    },
    /// The resume did not succeed, and is undone.
    ResumeFailed {
        /// The placement.
        generation: Generation,
        /// Why.
        cause: Cause,
    },
    /// A snapshot of it is sealed, and it runs on.
    SnapshotTaken {
        /// The placement.
        generation: Generation,
        /// The snapshot.
        sealed: Sealed,
        /// Milliseconds for which it stood still.
        held_ms: u64,
    },
    /// A snapshot could not be taken, or not be saved as a template.
    SnapshotFailed {
        /// The placement.
        generation: Generation,
        /// Which.
        snapshot: SnapshotId,
        /// How much of the log was known: the same snapshot may be asked for again later, and fail again.
        seen: Sequence,
        /// Why.
        cause: Cause,
    },
    /// A snapshot is a template.
    Saved {
        /// The placement.
        generation: Generation,
        /// Which.
        snapshot: SnapshotId,
        /// The template.
        name: TemplateName,
        /// How much of the log was known, as in [`Report::SnapshotFailed`].
        seen: Sequence,
    },
    /// What it is paused as was written anew.
    Compacted {
        /// The placement.
        generation: Generation,
        /// The snapshot whose place it takes.
        replaced: SnapshotId,
        /// What has the same content.
        sealed: Sealed,
    },
    /// What it is paused as could not be written anew.
    Uncompactable {
        /// The placement.
        generation: Generation,
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
    /// A program ended. The sender learns what the log says of that, and where: it may have ended with its sandbox already.
    ProcessEnded {
        /// How, as it was seen.
        end: ProcessEnd,
        /// Gets the end as it is recorded, and its sequence.
        recorded: oneshot::Sender<(ProcessEnd, Sequence)>,
    },
}

impl Report {
    /// Whether it is what became of the step under way, and not what was seen beside it.
    pub(super) fn is_of_a_step(&self) -> bool {
        !matches!(
            self,
            Self::Vanished { .. } | Self::Noticed { .. } | Self::ProcessEnded { .. }
        )
    }
}
