//! A machine in memory: the effect ports for the simulator and unit tests.
//!
//! It keeps what a real one would (slots, drives, engines by owner), fails where it is told to, and lets a test look.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use roost_schemas::event::{EngineKind, ExitStatus};
use roost_schemas::output::Channel;
use roost_schemas::{Owner, TemplateName};
use tokio::sync::watch;

use crate::port::{
    Disks, Drives, Engines, Fault, Greeting, Guests, Output, Outputs, Program, Slot, Slots, Vm, VmSpec,
};

/// See the module. Clones are the same machine.
#[derive(Clone, Default)]
pub struct Machine {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    slots: BTreeSet<Owner>,
    drives: BTreeSet<Owner>,
    engines: BTreeMap<Owner, Arc<MemoryVm>>,
    failures: BTreeMap<&'static str, u32>,
    hanging_greetings: bool,
}

impl Machine {
    /// Lets the next `times` takings of `step` fail: `claim`, `create`, `boot`, `greet`, `run`, `destroy`, `remove`,
    /// `release`.
    pub fn fail(&self, step: &'static str, times: u32) {
        self.lock().failures.insert(step, times);
    }

    /// Lets guests be silent, so that a boot takes until it is cancelled.
    pub fn hang_greetings(&self) {
        self.lock().hanging_greetings = true;
    }

    /// Ends the engine of `owner`, as a crash would.
    pub fn crash_engine(&self, owner: &Owner) {
        if let Some(vm) = self.lock().engines.remove(owner) {
            vm.alive.send_replace(false);
        }
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
            .iter()
            .chain(&inner.drives)
            .chain(inner.engines.keys())
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

fn slot() -> Slot {
    Slot {
        number: 0,
        netns: None,
        tap: "tap0".into(),
        mac: "02:fc:00:00:00:05".into(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

#[async_trait]
impl Slots for Machine {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        self.step("claim")?.slots.insert(owner.clone());
        Ok(slot())
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        Ok(self.lock().slots.contains(owner).then(slot))
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        self.step("release")?.slots.remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().slots.iter().cloned().collect())
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

    async fn exited(&self) -> String {
        // The sender lives in `self`, so the wait ends only with the engine.
        let _ = self.alive.subscribe().wait_for(|alive| !alive).await;
        "it was told to crash".into()
    }
}

#[async_trait]
impl Engines for Machine {
    async fn boot(&self, owner: &Owner, _spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        let mut inner = self.step("boot")?;
        let vm = Arc::new(MemoryVm {
            alive: watch::Sender::new(true),
        });
        inner.engines.insert(owner.clone(), Arc::clone(&vm));
        Ok(vm)
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        Ok(self
            .lock()
            .engines
            .get(owner)
            .map(|vm| Arc::clone(vm) as Arc<dyn Vm>))
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        if let Some(vm) = self.step("destroy")?.engines.remove(owner) {
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
    async fn greet(&self, _address: IpAddr, _greeting: &Greeting) -> Result<(), Fault> {
        if self.step("greet")?.hanging_greetings {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    /// Knows `echo` (writes its arguments), `false` (exit code 1) and `sleep` (ends never).
    async fn run(&self, _address: IpAddr, program: &Program) -> Result<Outputs, Fault> {
        drop(self.step("run")?);
        let outputs = match program.cmd.as_str() {
            "echo" => vec![
                Output::Data(Channel::Stdout, Bytes::from(program.args.join(" ") + "\n")),
                Output::End(ExitStatus::Exited { code: 0 }),
            ],
            "false" => vec![Output::End(ExitStatus::Exited { code: 1 })],
            "sleep" => return Ok(futures::stream::pending().boxed()),
            other => vec![Output::End(ExitStatus::NotStarted {
                reason: format!("{other}: not found"),
            })],
        };
        Ok(futures::stream::iter(outputs.into_iter().map(Ok)).boxed())
    }
}
