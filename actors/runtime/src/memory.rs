//! A machine in memory: the effect ports for the simulator and unit tests.
//!
//! It keeps what a real one would (slots, drives, engines by owner), fails where it is told to, and lets a test look.

mod agent;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use roost_schemas::audit::{Answer, Fact, Verdict};
use roost_schemas::event::{Cause, EngineKind, ExitStatus};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::output::Channel;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Owner, ProcessId, SandboxId, SnapshotId, TemplateName};
use tokio::sync::{mpsc, watch};

use agent::Agent;

use crate::port::{
    AuditFeed, Disks, Draft, Drives, Dumped, Edge, Engines, Fault, Greeting, Guests, Image, Output, Outputs,
    Program, Slot, Slots, Vm, VmSpec,
};

/// See the module. Clones are the same machine.
#[derive(Clone, Default)]
pub struct Machine {
    inner: Arc<Mutex<Inner>>,
}

/// Where the guest in slot 0 is reached; the others follow.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

#[derive(Default)]
struct Inner {
    slots: BTreeMap<Owner, u32>,
    policies: BTreeMap<Owner, NetworkPolicy>,
    doors: BTreeMap<Owner, IpAddr>,
    drives: BTreeSet<Owner>,
    engines: BTreeMap<Owner, Arc<MemoryVm>>,
    agents: BTreeMap<Owner, Agent>,
    failures: BTreeMap<&'static str, u32>,
    hanging_greetings: bool,
    /// Whose vCPUs stand still.
    paused: BTreeSet<Owner>,
    /// Whose users' programs stand still.
    quiet: BTreeSet<Owner>,
    drafts: BTreeSet<SnapshotId>,
    sealed: BTreeMap<SnapshotId, Snapshot>,
    damaged: BTreeSet<SnapshotId>,
    keeps_boots: bool,
}

impl Inner {
    /// Whose engine runs at `address`; fails if none does.
    fn connect(&self, address: IpAddr) -> Result<Owner, Fault> {
        let at = |owner: &Owner| {
            self.slots
                .get(owner)
                .is_some_and(|number| slot(*number).address == address)
        };
        self.engines
            .keys()
            .find(|owner| at(owner))
            .cloned()
            .ok_or_else(|| Fault::new("connect to the guest", format!("nothing answers at {address}")))
    }
}

impl Machine {
    /// Lets the next `times` takings of `step` fail: `claim`, `apply`, `create`, `boot`, `restore`, `greet`, `run`, `audit`,
    /// `quiesce`, `pause`, `draft`, `dump`, `collect`, `seal`, `find`, `open`, `compact`, `sweep`, `resume`, `wake`, `destroy`,
    /// `remove`, `release`.
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
        inner.agents.remove(owner);
        if let Some(vm) = inner.engines.remove(owner) {
            vm.alive.send_replace(false);
        }
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

    /// Whether `owner` has an engine that runs.
    pub fn runs(&self, owner: &Owner) -> bool {
        self.lock().engines.contains_key(owner)
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

fn slot(number: u32) -> Slot {
    Slot {
        number,
        netns: None,
        tap: "tap0".into(),
        mac: "02:fc:00:00:00:05".into(),
        address: IpAddr::V4(Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + number)),
    }
}

#[async_trait]
impl Slots for Machine {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        let mut inner = self.step("claim")?;
        let taken: BTreeSet<u32> = inner.slots.values().copied().collect();
        let free = (0..=u32::MAX)
            .find(|number| !taken.contains(number))
            .unwrap_or_default();
        Ok(slot(*inner.slots.entry(owner.clone()).or_insert(free)))
    }

    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault> {
        self.step("apply")?.policies.insert(owner.clone(), policy.clone());
        Ok(())
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        Ok(self.lock().slots.get(owner).copied().map(slot))
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        let mut inner = self.step("release")?;
        inner.slots.remove(owner);
        inner.policies.remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().slots.keys().cloned().collect())
    }
}

#[async_trait]
impl Disks for Machine {
    async fn create(&self, owner: &Owner, _template: &TemplateName) -> Result<Drives, Fault> {
        self.step("create")?.drives.insert(owner.clone());
        Ok(Drives {
            base: "base".into(),
            data: "data".into(),
        })
    }

    async fn restore(&self, owner: &Owner, image: &Image) -> Result<Drives, Fault> {
        self.create(owner, &image.seal.template).await
    }

    async fn find(&self, owner: &Owner, _template: &TemplateName) -> Result<Drives, Fault> {
        if !self.lock().drives.contains(owner) {
            return Err(Fault::new("look for the drive", format!("{owner} has none")));
        }
        Ok(Drives {
            base: "base".into(),
            data: "data".into(),
        })
    }

    async fn remove(&self, owner: &Owner) -> Result<(), Fault> {
        self.step("remove")?.drives.remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().drives.iter().cloned().collect())
    }
}

struct MemoryVm {
    alive: watch::Sender<bool>,
}

#[async_trait]
impl Vm for MemoryVm {
    fn engine(&self) -> EngineKind {
        EngineKind::Qemu
    }

    fn engine_version(&self) -> String {
        "memory".into()
    }

    async fn exited(&self) -> Cause {
        // The sender lives in `self`, so the wait ends only with the engine.
        let _ = self.alive.subscribe().wait_for(|alive| !alive).await;
        Cause::EngineExited {
            detail: "it was told to crash".into(),
        }
    }
}

#[async_trait]
impl Engines for Machine {
    async fn boot(&self, owner: &Owner, _spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        let mut inner = self.step("boot")?;
        let vm = Arc::new(MemoryVm {
            alive: watch::Sender::new(true),
        });
        if let Some(earlier) = inner.engines.insert(owner.clone(), Arc::clone(&vm)) {
            earlier.alive.send_replace(false);
        }
        Ok(vm)
    }

    async fn restore(&self, owner: &Owner, spec: &VmSpec, _image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        drop(self.step("restore")?);
        let vm = self.boot(owner, spec).await?;
        self.lock().paused.insert(owner.clone());
        Ok(vm)
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        self.step("pause")?.paused.insert(owner.clone());
        Ok(())
    }

    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        self.step("resume")?.paused.remove(owner);
        Ok(())
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        Ok(self.lock().paused.contains(owner))
    }

    async fn dump(&self, owner: &Owner, _draft: &Draft) -> Result<Dumped, Fault> {
        let inner = self.step("dump")?;
        if !inner.engines.contains_key(owner) || !inner.paused.contains(owner) {
            return Err(Fault::new("write the memory", format!("{owner} is not paused")));
        }
        Ok(Dumped {
            complete: true,
            removed: Vec::new(),
        })
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        Ok(self
            .lock()
            .engines
            .get(owner)
            .map(|vm| Arc::clone(vm) as Arc<dyn Vm>))
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        let mut inner = self.step("destroy")?;
        inner.agents.remove(owner);
        inner.paused.remove(owner);
        inner.quiet.remove(owner);
        if let Some(vm) = inner.engines.remove(owner) {
            vm.alive.send_replace(false);
        }
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().engines.keys().cloned().collect())
    }
}

#[async_trait]
impl Guests for Machine {
    async fn greet(&self, address: IpAddr, _greeting: &Greeting) -> Result<(), Fault> {
        let hangs = {
            let inner = self.step("greet")?;
            inner.connect(address)?;
            inner.hanging_greetings
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn await_boot(&self, address: IpAddr) -> Result<(), Fault> {
        self.lock().connect(address).map(drop)
    }

    async fn quiesce(&self, address: IpAddr, _sandbox: &SandboxId) -> Result<(), Fault> {
        let mut inner = self.step("quiesce")?;
        let owner = inner.connect(address)?;
        inner.quiet.insert(owner);
        Ok(())
    }

    async fn wake(&self, address: IpAddr, _sandbox: &SandboxId) -> Result<(), Fault> {
        let mut inner = self.step("wake")?;
        let owner = inner.connect(address)?;
        inner.quiet.remove(&owner);
        Ok(())
    }

    async fn follow(
        &self,
        address: IpAddr,
        _sandbox: &SandboxId,
        _process: &ProcessId,
    ) -> Result<Outputs, Fault> {
        self.step("run")?.connect(address)?;
        Ok(futures::stream::pending().boxed())
    }

    /// Knows `echo` (writes its arguments), `flood` (writes as many bytes as its argument says), `chatter` (the same, byte
    /// by byte), `false` (exit code 1) and `sleep` (ends never, and says nothing when its VM is destroyed).
    async fn run(&self, address: IpAddr, _sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        self.step("run")?.connect(address)?;
        let outputs = match program.cmd.as_str() {
            "echo" => vec![
                Output::Data(Channel::Stdout, Bytes::from(program.args.join(" ") + "\n")),
                Output::End(ExitStatus::Exited { code: 0 }),
            ],
            "false" => vec![Output::End(ExitStatus::Exited { code: 1 })],
            "flood" => {
                let bytes = program.args.first().and_then(|bytes| bytes.parse().ok());
                return Ok(flood(bytes.unwrap_or_default()).boxed());
            }
            "chatter" => {
                let byte = || Output::Data(Channel::Stdout, Bytes::from_static(b"."));
                let times = program.args.first().and_then(|times| times.parse().ok());
                let end = Output::End(ExitStatus::Exited { code: 0 });
                std::iter::repeat_with(byte)
                    .take(times.unwrap_or_default())
                    .chain([end])
                    .collect()
            }
            "sleep" => return Ok(futures::stream::pending().boxed()),
            other => vec![Output::End(ExitStatus::NotStarted {
                reason: format!("{other}: not found"),
            })],
        };
        Ok(futures::stream::iter(outputs.into_iter().map(Ok)).boxed())
    }

    /// What [`Machine::tell_host`] was given.
    async fn audit(&self, address: IpAddr, _sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        let (owner, mut notices) = {
            let mut inner = self.step("audit")?;
            let owner = inner.connect(address)?;
            let notices = inner.agents.entry(owner.clone()).or_default().connect();
            (owner, notices)
        };
        let (answers, mut taken) = mpsc::channel::<Answer>(1);
        let machine = self.clone();
        tokio::spawn(async move {
            while let Some(answer) = taken.recv().await {
                if let Some(agent) = machine.lock().agents.get_mut(&owner) {
                    agent.take(answer);
                }
            }
        });
        Ok(AuditFeed {
            notices: futures::stream::poll_fn(move |context| notices.poll_recv(context)).boxed(),
            answers,
        })
    }
}

impl Edge for Machine {
    fn open(&self, owner: &Owner, address: IpAddr) {
        self.lock().doors.insert(owner.clone(), address);
    }

    fn close(&self, owner: &Owner) {
        self.lock().doors.remove(owner);
    }
}

/// A program that writes `bytes` to standard output, a piece whenever it is asked for one.
fn flood(bytes: usize) -> impl Stream<Item = Result<Output, Fault>> {
    const PIECE: usize = 64 * 1024;
    let pieces = (0..bytes.div_ceil(PIECE)).map(move |n| {
        let piece = vec![b'x'; PIECE.min(bytes - n * PIECE)];
        Ok(Output::Data(Channel::Stdout, Bytes::from(piece)))
    });
    let end = [Ok(Output::End(ExitStatus::Exited { code: 0 }))];
    futures::stream::iter(pieces.chain(end))
}
