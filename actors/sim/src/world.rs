//! A world: one log, some hosts with a machine each, and the processes of a Roost, all in one thread and in its own time.

mod inside;
mod turnstile;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use roost_journal::checkpoint::MemoryCheckpoint;
use roost_journal::memory::{Memory, Options};
use roost_journal::port::{Found, Journal, Leases, OutputLog, Queue, Record};
use roost_runtime::fleet::FleetHandle;
use roost_runtime::memory::Machine;
use roost_runtime::port::Clock;
use roost_schemas::{HostId, Sequence, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::SimClock;
use crate::faults::Weather;
use crate::ports::Link;
use crate::process::{self, Life, Site};
use crate::trace::Trace;
use turnstile::Turnstile;

/// The fewest and the most hosts.
const HOSTS: std::ops::RangeInclusive<u32> = 2..=3;
/// Processes that only read.
const READERS: u32 = 2;
/// Milliseconds by which clocks that nobody has set are apart at most.
const AGREEMENT: u64 = 1_000;
/// Where the router and the reconciler are.
const CONTROL: &str = "control";

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
    began: Instant,
    memory: Memory,
    machines: BTreeMap<HostId, Machine>,
    processes: BTreeMap<Arc<str>, Process>,
    server_clock: Arc<SimClock>,
    turnstile: Turnstile,
    weather: Mutex<Weather>,
    state: Mutex<State>,
    checker: Mutex<Option<Box<dyn Checker>>>,
    broken: Notify,
}

/// What of a process outlives its lives.
struct Process {
    kind: process::Kind,
    clock: Arc<SimClock>,
    checkpoint: Arc<MemoryCheckpoint>,
}

struct State {
    lives: BTreeMap<Arc<str>, Arc<Life>>,
    fleets: BTreeMap<Arc<str>, FleetHandle>,
    clients: BTreeMap<Arc<str>, Arc<Life>>,
    trace: Trace,
    steps: u64,
    /// The last commit that is in the trace.
    traced: Sequence,
    violation: Option<Violation>,
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
    /// To be called in a runtime whose clock is paused.
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let began = Instant::now();
        let server_clock = Arc::new(SimClock::exact(began));
        let memory = Memory::new(&Options {
            clock: {
                let clock = Arc::clone(&server_clock);
                Arc::new(move || clock.now())
            },
            ..Options::default()
        });
        let mut processes = BTreeMap::new();
        let mut machines = BTreeMap::new();
        let mut add = |name: String, kind: &dyn Fn(&Arc<SimClock>) -> process::Kind| {
            let mut random = random(seed, &format!("clock of {name}"));
            let clock = Arc::new(SimClock::new(began, &mut random));
            let process = Process {
                kind: kind(&clock),
                clock,
                checkpoint: Arc::default(),
            };
            processes.insert(Arc::from(name), process);
        };
        // Whether sandboxes start from their template's boot snapshot.
        let boots = random(seed, "boots").bool();
        for number in 1..=random(seed, "hosts").u32(HOSTS) {
            let name = format!("h{number}");
            let host = HostId::new(&name).expect("it is a host id");
            let machine = Machine::of(&host);
            if boots {
                machine.keep_boots();
            }
            machines.insert(host.clone(), machine.clone());
            add(name, &|clock| {
                let site = Site::new(host.clone(), machine.clone(), Arc::clone(clock));
                process::Kind::Host(Arc::new(site))
            });
        }
        add(CONTROL.to_owned(), &|_| process::Kind::Control(Arc::default()));
        for number in 1..=READERS {
            add(format!("reader{number}"), &|_| process::Kind::Reader);
        }
        Self(Arc::new(Inner {
            seed,
            began,
            memory,
            machines,
            processes,
            server_clock,
            turnstile: Turnstile::default(),
            weather: Mutex::new(Weather::new(random(seed, "weather"))),
            state: Mutex::new(State {
                lives: BTreeMap::new(),
                fleets: BTreeMap::new(),
                clients: BTreeMap::new(),
                trace,
                steps: 0,
                traced: Sequence::default(),
                violation: None,
            }),
            checker: Mutex::default(),
            broken: Notify::new(),
        }))
    }

    /// The seed that everything follows from.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// A source of randomness for `name`, the same in every run of this seed.
    pub fn random(&self, name: &str) -> fastrand::Rng {
        random(self.0.seed, name)
    }

    /// The whole log after `after`, as it is: nothing is lost on the way.
    pub fn records(&self, after: Sequence) -> Vec<Record> {
        self.0.memory.journal().stored(after)
    }

    /// The lease of each host, as it is.
    pub fn leases(&self) -> BTreeMap<HostId, Found> {
        let leases = self.0.memory.leases();
        let all = leases.all().now_or_never();
        all.and_then(Result::ok).unwrap_or_default()
    }

    /// The machine of each host, as it is.
    pub fn machines(&self) -> &BTreeMap<HostId, Machine> {
        &self.0.machines
    }

    /// The fleet that each living process has folded, by the process's name.
    pub fn fleets(&self) -> BTreeMap<Arc<str>, FleetHandle> {
        self.state().fleets.clone()
    }

    /// The names of the processes that live: `h1` …, `control`, `reader1` ….
    pub fn alive(&self) -> Vec<Arc<str>> {
        self.state().lives.keys().cloned().collect()
    }

    /// The ports of the client called `name`.
    pub fn client(&self, name: &str) -> Client {
        let name: Arc<str> = Arc::from(name);
        let life = {
            let mut state = self.state();
            let new = || Arc::new(Life::of_client(Arc::clone(&name)));
            Arc::clone(state.clients.entry(Arc::clone(&name)).or_insert_with(new))
        };
        let link = Link::new(self.clone(), life);
        Client {
            queue: Arc::new(link.clone()),
            journal: link.journal(),
            output: Arc::new(link),
        }
    }

    /// The time of day at the server, by which commands are stamped.
    pub fn now(&self) -> Timestamp {
        self.0.server_clock.now()
    }

    /// Time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// Whether all clocks tell the same time of day, as they do for as long as nobody sets one.
    pub fn clocks_agree(&self) -> bool {
        let server = self.now().0;
        let mut clocks = self.0.processes.values().map(|process| process.clock.now().0);
        clocks.all(|now| now.abs_diff(server) <= AGREEMENT)
    }

    /// Whether faults happen still.
    pub fn is_stormy(&self) -> bool {
        self.weather().is_stormy()
    }

    /// Writes a line into the trace.
    pub fn note(&self, line: impl AsRef<str>) {
        let now = self.elapsed().as_millis();
        self.state().trace.add(format!("{now:>8} {}", line.as_ref()));
    }
}

fn random(seed: u64, name: &str) -> fastrand::Rng {
    let mut hasher = DefaultHasher::new();
    (seed, name).hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish())
}
