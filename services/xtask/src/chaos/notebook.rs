//! What clients were told, who was killed, and what turned out to be wrong: written down as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::{CommandId, Owner, SandboxId, Sequence, TemplateName, Timestamp};

/// What an answer said has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The sandbox came to run.
    Created,
    /// The program ended with exit code 0.
    Ran,
    /// The sandbox is paused.
    Paused,
    /// It runs again.
    Resumed,
    /// It is a running child.
    Forked,
    /// It is a template.
    Saved(TemplateName),
    /// Its end was moved.
    TimeoutSet,
    /// It has ended.
    Killed,
    /// A command sent by NATS took effect at exactly this place; without an effect, at the sandbox's last commit.
    Accepted {
        /// Whether it always leads to a commit of its own.
        commits: bool,
    },
}

impl Told {
    /// The word in the report.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Ran => "ran",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Forked => "forked",
            Self::Saved(_) => "saved",
            Self::TimeoutSet => "timeouts set",
            Self::Killed => "killed",
            Self::Accepted { .. } => "accepted by NATS",
        }
    }
}

/// One acknowledgement.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    /// What was told.
    pub(super) told: Told,
    /// The id of the command it answers.
    pub(super) key: CommandId,
    /// The sandbox it is about.
    pub(super) sandbox: SandboxId,
    /// The place in the log that shows it.
    pub(super) sequence: Sequence,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Broken {
    /// Which invariant.
    pub(super) invariant: Invariant,
    /// The sandbox whose history explains it.
    pub(super) sandbox: Option<SandboxId>,
    /// What was seen.
    pub(super) seen: String,
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invariant {
    /// What was acknowledged is in the log.
    Acknowledged,
    /// A command takes effect once, and its answer is the first answer.
    Once,
    /// Each step follows from the one before, in the placement that holds.
    Lawful,
    /// Nothing is lost but what was killed.
    Kept,
    /// No timeout comes early.
    Timely,
    /// At most one VM of a sandbox runs, and those that run are those of the log.
    Machine,
    /// The gateway shows what the log says.
    Projection,
    /// A webhook is told everything, in order for each sandbox, and signed; or it is on record that it could not be.
    Told,
    /// When nobody is killed any more, everything comes to rest.
    Converges,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledged => "acknowledged, but not in the log",
            Self::Once => "not exactly once",
            Self::Lawful => "not lawful",
            Self::Kept => "lost, though nobody killed it",
            Self::Timely => "early",
            Self::Machine => "the machine is not what the log says",
            Self::Projection => "the gateway does not show what the log says",
            Self::Told => "not told as promised",
            Self::Converges => "never at rest",
        })
    }
}

/// Everything that was written down.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// In the order in which they came.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// Definite refusals, by their code.
    pub(super) refused: BTreeMap<String, usize>,
    /// Requests of which nobody knows what became.
    pub(super) unknown: usize,
    /// Requests that were repeated and gave the first answer.
    pub(super) repeated: usize,
    /// VMs whose engine or pager was killed or stopped.
    pub(super) victims: BTreeSet<Owner>,
    /// Whether the host was silent for about as long as its lease.
    pub(super) host_was_silent: bool,
    /// Moments at which a VM ran, and one whose it was.
    pub(super) ran_at: Vec<(Timestamp, SandboxId)>,
    /// Lines that a guest's book lacked; it may have gone back to an earlier snapshot.
    pub(super) missed: Vec<(SandboxId, String)>,
    /// What was found.
    pub(super) broken: BTreeSet<Broken>,
}

/// The notebook; clones write into the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Notebook(Arc<Mutex<Pages>>);

impl Notebook {
    /// Opens it.
    pub(super) fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something that must not be, once.
    pub(super) fn broken(&self, invariant: Invariant, sandbox: Option<&SandboxId>, seen: impl Into<String>) {
        self.open().broken.insert(Broken {
            invariant,
            sandbox: sandbox.cloned(),
            seen: seen.into(),
        });
    }
}
