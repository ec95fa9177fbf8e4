//! A world: one log, some hosts with a machine each, and the processes of a Roost, all in one thread and in its own time.

mod turnstile;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use roost_journal::checkpoint::MemoryCheckpoint;
use roost_journal::memory::{Memory, Options, Passage};
use roost_journal::port::{Found, Journal, Leases, OutputLog, Queue, Record};
use roost_runtime::fleet::FleetHandle;
use roost_runtime::memory::Machine;
use roost_runtime::port::Clock;
use roost_schemas::{HostId, Sequence, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::SimClock;
use crate::faults::{self, Kind, Weather};
use crate::ports::Link;
use crate::process::{self, Life, Site};
use crate::trace::Trace;
use turnstile::{Drawn, Turnstile};

/// The fewest and the most hosts.
const HOSTS: std::ops::RangeInclusive<u32> = 2..=3;
/// Processes that only read.
const READERS: u32 = 2;
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

#[derive(Default)]
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
    pub(crate) fn new(seed: u64) -> Self {
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
        for number in 1..=random(seed, "hosts").u32(HOSTS) {
            let name = format!("h{number}");
            let host = HostId::new(&name).expect("it is a host id");
            let machine = Machine::of(&host);
            machines.insert(host.clone(), machine.clone());
            add(name, &|clock| {
                let site = Site::new(host.clone(), machine.clone(), Arc::clone(clock));
                process::Kind::Host(Arc::new(site))
            });
        }
        add(CONTROL.to_owned(), &|_| process::Kind::Control);
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
            state: Mutex::default(),
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

/// What the parts of a world use of it.
impl World {
    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn weather(&self) -> MutexGuard<'_, Weather> {
        self.0.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All processes, alive or not.
    pub(crate) fn processes(&self) -> Vec<Arc<str>> {
        self.0.processes.keys().cloned().collect()
    }

    pub(crate) fn clients(&self) -> Vec<Arc<str>> {
        self.state().clients.keys().cloned().collect()
    }

    pub(crate) fn clock(&self, process: &Arc<str>) -> Arc<dyn Clock> {
        match self.0.processes.get(process) {
            Some(process) => Arc::clone(&process.clock) as _,
            None => Arc::clone(&self.0.server_clock) as _,
        }
    }

    pub(crate) fn set_clock(&self, process: &Arc<str>, by_ms: i64) {
        if let Some(process) = self.0.processes.get(process) {
            process.clock.jump(by_ms);
        }
    }

    pub(crate) fn checkpoint(&self, process: &Arc<str>) -> Arc<MemoryCheckpoint> {
        self.0
            .processes
            .get(process)
            .map(|process| Arc::clone(&process.checkpoint))
            .unwrap_or_default()
    }

    /// A life begins.
    pub(crate) fn begin(&self, life: &Arc<Life>) {
        self.note(format!("{life} begins"));
        self.state()
            .lives
            .insert(Arc::clone(&life.process), Arc::clone(life));
    }

    /// Lets everybody look at the fleet of a life.
    pub(crate) fn show(&self, life: &Arc<Life>, fleet: FleetHandle) {
        if !life.is_dead() {
            self.state().fleets.insert(Arc::clone(&life.process), fleet);
        }
    }

    /// A life ends, if it has not yet.
    pub(crate) fn end(&self, life: &Arc<Life>) {
        if life.is_dead() {
            return;
        }
        self.note(format!("{life} ends"));
        life.end();
        self.0.turnstile.forget(life);
        let gone = {
            let mut state = self.state();
            state.lives.remove(&life.process);
            state.fleets.remove(&life.process)
        };
        // Outside the lock: the last handle wakes its fold.
        drop(gone);
    }

    /// Ends whatever life `process` has.
    pub(crate) fn kill(&self, process: &Arc<str>) {
        let life = self.state().lives.get(process).cloned();
        if let Some(life) = life {
            self.end(&life);
        }
    }

    pub(crate) async fn turn(
        &self,
        life: &Arc<Life>,
        kind: Kind,
        what: &'static str,
        about: String,
    ) -> Passage {
        self.0.turnstile.turn(life, kind, what, about).await
    }

    /// A call of `life` has had its effect.
    pub(crate) fn stepped(&self, life: &Arc<Life>) {
        self.trace_commits();
        self.check(|checker| checker.after_step(self));
        if life.is_doomed() {
            self.end(life);
        }
    }

    /// Lets `checker` look from now on.
    pub(crate) fn watched_by(&self, checker: Box<dyn Checker>) {
        *self.checker() = Some(checker);
    }

    /// Looks whether everything has come to rest as it should.
    pub(crate) fn check_at_rest(&self) {
        self.check(|checker| checker.at_rest(self));
    }

    /// A rule was broken; only the first one counts.
    pub(crate) fn broke(&self, violation: Violation) {
        self.state().violation.get_or_insert(violation);
        self.0.broken.notify_one();
    }

    /// Waits until a rule is broken.
    pub(crate) async fn broken(&self) {
        self.0.broken.notified().await;
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.state().violation.clone()
    }

    pub(crate) fn trace(&self) -> (Trace, u64) {
        let state = self.state();
        (state.trace.clone(), state.steps)
    }

    /// The storm is over.
    pub(crate) fn calm(&self) {
        self.note("the storm is over");
        self.weather().calm();
        self.0.turnstile.hurry();
    }

    /// Begins everything that goes on by itself.
    pub(crate) fn start(&self) {
        for (name, process) in &self.0.processes {
            let (name, kind) = (Arc::clone(name), process.kind.clone());
            tokio::spawn(process::supervise(self.clone(), name, kind));
        }
        tokio::spawn(faults::rage(self.clone()));
        let world = self.clone();
        tokio::spawn(async move {
            loop {
                world.0.turnstile.tick().await;
                world.step();
            }
        });
    }

    fn step(&self) {
        let drawn = self.0.turnstile.draw(&mut self.weather());
        match drawn {
            Drawn::Call(line) => {
                self.note(line);
                self.state().steps += 1;
            }
            Drawn::Death(life, line) => {
                self.note(format!("{line}: dies before it"));
                self.end(&life);
            }
            Drawn::Nothing => {}
        }
    }

    fn trace_commits(&self) {
        let after = self.state().traced;
        for record in self.records(after) {
            let mut hasher = DefaultHasher::new();
            record.payload.hash(&mut hasher);
            let hash = hasher.finish();
            self.note(format!(
                "  = {} {} {} {hash:016x}",
                record.sequence, record.subject, record.command_id
            ));
            self.state().traced = record.sequence;
        }
    }

    fn check(&self, look: impl FnOnce(&mut dyn Checker) -> Result<(), Violation>) {
        if self.state().violation.is_some() {
            return;
        }
        let looked = match self.checker().as_mut() {
            Some(checker) => look(&mut **checker),
            None => Ok(()),
        };
        if let Err(violation) = looked {
            self.broke(violation);
        }
    }

    fn checker(&self) -> MutexGuard<'_, Option<Box<dyn Checker>>> {
        self.0.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random(seed: u64, name: &str) -> fastrand::Rng {
    let mut hasher = DefaultHasher::new();
    (seed, name).hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish())
}
