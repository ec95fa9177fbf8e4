//! A world: one log, some hosts with a machine each, and the processes of a Roost, all in one thread and in its own time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use roost_journal::memory::Memory;
use roost_journal::port::{Found, Journal, Leases, OutputLog, Queue, Record};
use roost_runtime::fleet::FleetHandle;
use roost_runtime::memory::Machine;
use roost_schemas::{HostId, Sequence, Timestamp};

use crate::trace::Trace;

/// A rule that a world has broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {detail}")]
pub struct Violation {
    /// The rule's name.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// What looks at a world, and says when something is wrong with it.
pub trait Checker: Send {
    /// Looks after every step, while faults happen and processes are amid whatever they do.
    fn after_step(&mut self, world: &World) -> Result<(), Violation>;

    /// Looks when faults have stopped and everything has had the time to converge.
    fn at_rest(&mut self, world: &World) -> Result<(), Violation>;
}

/// A world, as whoever looks at it from outside sees it. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    seed: u64,
    memory: Memory,
    machines: BTreeMap<HostId, Machine>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fleets: BTreeMap<String, FleetHandle>,
    trace: Trace,
}

/// The ports of a client: messages get lost, late and twice on the way to the log and back.
#[derive(Clone)]
pub struct Client {
    /// The command queue.
    pub queue: Arc<dyn Queue>,
    /// The event log.
    pub journal: Arc<dyn Journal>,
    /// Process output.
    pub output: Arc<dyn OutputLog>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Inner {
            seed,
            memory: Memory::default(),
            machines: BTreeMap::new(),
            state: Mutex::default(),
        }))
    }

    /// The seed that everything follows from.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// A source of randomness for `name`, the same in every run of this seed.
    pub fn random(&self, name: &str) -> fastrand::Rng {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.0.seed, name).hash(&mut hasher);
        fastrand::Rng::with_seed(hasher.finish())
    }

    /// The whole log after `after`, as it is: nothing is lost on the way.
    pub fn records(&self, after: Sequence) -> Vec<Record> {
        self.0.memory.journal().stored(after)
    }

    /// The lease of each host, as it is.
    pub fn leases(&self) -> BTreeMap<HostId, Found> {
        let leases = self.0.memory.leases();
        let all = leases.all().now_or_never();
        all.expect("memory answers at once").unwrap_or_default()
    }

    /// The machine of each host, as it is.
    pub fn machines(&self) -> &BTreeMap<HostId, Machine> {
        &self.0.machines
    }

    /// The fleet that each living process has folded, by the process's name.
    pub fn fleets(&self) -> BTreeMap<String, FleetHandle> {
        self.lock().fleets.clone()
    }

    /// The names of the processes that live: `h1` …, `control`, `reader1` ….
    pub fn alive(&self) -> Vec<String> {
        self.lock().fleets.keys().cloned().collect()
    }

    /// The ports of the client called `name`.
    pub fn client(&self, _name: &str) -> Client {
        Client {
            queue: Arc::new(self.0.memory.queue()),
            journal: Arc::new(self.0.memory.journal()),
            output: Arc::new(self.0.memory.output()),
        }
    }

    /// The time of day at the server.
    pub fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    /// Time since the world began.
    pub fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether faults happen still.
    pub fn is_stormy(&self) -> bool {
        false
    }

    /// Writes a line into the trace.
    pub fn note(&self, line: impl Into<String>) {
        self.lock().trace.add(line.into());
    }

    pub(crate) fn trace(&self) -> Trace {
        self.lock().trace.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
