//! A machine in memory: the effect ports for the simulator and unit tests.
//!
//! It keeps what a real one would (slots, drives, engines by owner, what runs in each guest, a store of snapshots), fails
//! where it is told to or where a real one would, and lets a test look.

mod agent;
mod engines;
mod fence;
mod guest;
mod guests;
mod keep;
mod look;
mod places;
mod snapshots;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::audit::{Fact, Verdict};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Owner, ProcessId};
use tokio::sync::watch;

use agent::Agent;
use engines::Engine;
use fence::Bounds;
use store::Store;

use look::Marks;

pub use keep::Kept;
pub use look::Inventory;

use crate::port::{Fault, Output};

/// See the module. Clones are the same machine.
#[derive(Clone, Default)]
pub struct Machine {
    inner: Arc<Mutex<Inner>>,
    /// Something has happened in a guest.
    changes: Arc<watch::Sender<()>>,
}

#[derive(Default)]
struct Inner {
    slots: BTreeMap<Owner, u32>,
    policies: BTreeMap<Owner, NetworkPolicy>,
    doors: BTreeMap<Owner, IpAddr>,
    drives: BTreeSet<Owner>,
    engines: BTreeMap<Owner, Engine>,
    agents: BTreeMap<Owner, Agent>,
    failures: BTreeMap<&'static str, u32>,
    hanging_greetings: bool,
    /// Nothing if there is no fence around it.
    fence: Option<Bounds>,
    marks: Marks,
    store: Store,
}

impl Machine {
    /// Lets the next `times` takings of `step` fail: `claim`, `apply`, `create`, `boot`, `greet`, `run`, `audit`, `adopt`,
    /// `destroy`, `remove`, `release`; of snapshots `await`, `quiesce`, `pause`, `draft`, `dump`, `collect`, `seal`, `find`,
    /// `discard`, `resume`, `wake`, `open`, `drive`, `restore`, `follow`, `compact`, `sweep`; and `fence`.
    pub fn fail(&self, step: &'static str, times: u32) {
        self.lock().failures.insert(step, times);
    }

    /// Lets guests be silent, so that a boot takes until it is cancelled.
    pub fn hang_greetings(&self) {
        self.lock().hanging_greetings = true;
    }

    /// Ends the engine of `owner`, as a crash would.
    pub fn crash_engine(&self, owner: &Owner) {
        let mut inner = self.lock();
        inner.end(owner);
        inner.marks.crashed.insert(owner.clone());
    }

    /// Lets the engine of `owner` answer nobody any more, although it is there.
    pub fn silence_engine(&self, owner: &Owner) {
        if let Ok(engine) = self.lock().engine(owner) {
            engine.silent = true;
        }
    }

    /// Lets a `sleep` in the guest of `owner` write, unless it stands still.
    pub fn write(&self, owner: &Owner, process: &ProcessId, text: &str) {
        self.act(owner, process, guest::text(text));
    }

    /// Lets it end by itself, unless it stands still.
    pub fn finish(&self, owner: &Owner, process: &ProcessId, code: i32) {
        self.act(owner, process, guest::ended(code));
    }

    fn act(&self, owner: &Owner, process: &ProcessId, output: Output) {
        {
            let mut inner = self.lock();
            if let Ok(engine) = inner.moving(owner) {
                engine.guest.act(process, output);
            }
        }
        self.changed();
    }

    /// Lets the guest of `owner` know nothing of `process` any more.
    pub fn forget(&self, owner: &Owner, process: &ProcessId) {
        if let Ok(engine) = self.lock().engine(owner) {
            engine.guest.forget(process);
        }
    }

    /// Whether the vCPUs of `owner` run, and its users' programs with them.
    pub fn moves(&self, owner: &Owner) -> bool {
        let mut inner = self.lock();
        inner.moving(owner).is_ok_and(|engine| !engine.guest.quiet)
    }

    /// Lets the agent in the guest of `owner` tell its host something, and again until it is answered. Answers the number
    /// to ask [`Machine::verdict`] for.
    pub fn tell_host(&self, owner: &Owner, fact: Fact) -> u64 {
        self.lock().agents.entry(owner.clone()).or_default().tell(fact)
    }

    /// What the host answered, if it has.
    pub fn verdict(&self, owner: &Owner, number: u64) -> Option<Verdict> {
        self.lock().agents.get(owner)?.verdict(number)
    }

    /// Breaks the audit feed of `owner`.
    pub fn break_audit(&self, owner: &Owner) {
        if let Some(agent) = self.lock().agents.get_mut(owner) {
            agent.disconnect();
        }
    }

    /// The policy that the slot of `owner` carries out.
    pub fn policy(&self, owner: &Owner) -> Option<NetworkPolicy> {
        self.lock().policies.get(owner).cloned()
    }

    /// Whether `owner` has an engine.
    pub fn runs(&self, owner: &Owner) -> bool {
        self.lock().engines.contains_key(owner)
    }

    /// Whether the edge lets requests for `owner` through.
    pub fn is_open(&self, owner: &Owner) -> bool {
        self.lock().doors.contains_key(owner)
    }

    /// Everybody who holds anything.
    pub fn holders(&self) -> BTreeSet<Owner> {
        let inner = self.lock();
        inner
            .slots
            .keys()
            .chain(&inner.drives)
            .chain(inner.engines.keys())
            .chain(inner.doors.keys())
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_replace(());
    }

    fn step(&self, step: &'static str) -> Result<MutexGuard<'_, Inner>, Fault> {
        let mut inner = self.lock();
        match inner.failures.get_mut(step) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Err(Fault::new(step, "it was told to fail"))
            }
            _ => Ok(inner),
        }
    }
}
