//! The machine as one life of a host sees it: every step is written down, and held or made to panic where a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use roost_runtime::memory::Machine;
use roost_runtime::port::{
    AuditFeed, Disks, Drives, Edge, Engines, Fault, Greeting, Guests, Outputs, Program, Slot, Slots, Vm,
    VmSpec,
};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Owner, SandboxId, TemplateName};
use tokio::sync::watch;

/// Whether a process lives. What a dead one has begun stands still for ever, as after `kill -9`.
#[derive(Clone)]
pub(crate) struct Pulse(Arc<watch::Sender<bool>>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(false);
    }

    pub(crate) async fn check(&self) {
        if !*self.0.borrow() {
            std::future::pending::<()>().await;
        }
    }
}

/// What a test tells the stage and what it learns from it, over all lives of the host.
#[derive(Default)]
pub(crate) struct Script {
    calls: Mutex<Vec<String>>,
    panics: Mutex<BTreeMap<&'static str, u32>>,
    held: watch::Sender<BTreeSet<&'static str>>,
}

impl Script {
    /// Lets takings of `step` wait until it is released.
    pub(crate) fn hold(&self, step: &'static str) {
        self.held.send_modify(|held| _ = held.insert(step));
    }

    pub(crate) fn release(&self, step: &'static str) {
        self.held.send_modify(|held| _ = held.remove(step));
    }

    /// Lets the next `times` takings of `step` panic.
    pub(crate) fn panic(&self, step: &'static str, times: u32) {
        self.panics.lock().unwrap().insert(step, times);
    }

    /// The steps that were taken, in order.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        self.calls.lock().unwrap()
    }

    /// How often `step` was taken.
    pub(crate) fn count(&self, step: &str) -> usize {
        self.calls().iter().filter(|call| *call == step).count()
    }

    async fn pass(&self, step: &'static str) {
        self.calls().push(step.to_owned());
        self.play(step).await;
    }

    /// Panics, or waits, if `step` is to.
    pub(crate) async fn play(&self, step: &'static str) {
        let panics = {
            let mut panics = self.panics.lock().unwrap();
            let left = panics.entry(step).or_default();
            let panics = *left > 0;
            *left = left.saturating_sub(1);
            panics
        };
        assert!(!panics, "{step} was told to panic");
        let mut held = self.held.subscribe();
        // The sender lives in `self`, so the wait ends only with the release.
        let _ = held.wait_for(|held| !held.contains(step)).await;
    }
}

/// One life's hands on the machine.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    pub(crate) script: Arc<Script>,
    pub(crate) pulse: Pulse,
}

impl Stage {
    async fn pass(&self, step: &'static str) {
        self.pulse.check().await;
        self.script.pass(step).await;
        self.pulse.check().await;
    }
}

#[async_trait]
impl Slots for Stage {
    async fn claim(&self, owner: &Owner) -> Result<Slot, Fault> {
        self.pass("claim").await;
        self.machine.claim(owner).await
    }

    async fn apply(&self, owner: &Owner, policy: &NetworkPolicy) -> Result<(), Fault> {
        self.pass("apply").await;
        self.machine.apply(owner, policy).await
    }

    async fn find(&self, owner: &Owner) -> Result<Option<Slot>, Fault> {
        self.machine.find(owner).await
    }

    async fn release(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("release").await;
        self.machine.release(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Slots::owners(&self.machine).await
    }
}

#[async_trait]
impl Disks for Stage {
    async fn create(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        self.pass("create").await;
        self.machine.create(owner, template).await
    }

    async fn remove(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("remove").await;
        self.machine.remove(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Disks::owners(&self.machine).await
    }
}

#[async_trait]
impl Engines for Stage {
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        self.pass("boot").await;
        self.machine.boot(owner, spec).await
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        self.pass("adopt").await;
        self.machine.adopt(owner).await
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        self.pass("destroy").await;
        self.machine.destroy(owner).await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Engines::owners(&self.machine).await
    }
}

#[async_trait]
impl Guests for Stage {
    async fn greet(&self, address: IpAddr, greeting: &Greeting) -> Result<(), Fault> {
        self.pass("greet").await;
        self.machine.greet(address, greeting).await
    }

    async fn run(&self, address: IpAddr, sandbox: &SandboxId, program: &Program) -> Result<Outputs, Fault> {
        self.pass("run").await;
        self.machine.run(address, sandbox, program).await
    }

    async fn audit(&self, address: IpAddr, sandbox: &SandboxId) -> Result<AuditFeed, Fault> {
        self.pass("audit").await;
        self.machine.audit(address, sandbox).await
    }
}

impl Edge for Stage {
    fn open(&self, owner: &Owner, address: IpAddr) {
        self.machine.open(owner, address);
    }

    fn close(&self, owner: &Owner) {
        self.machine.close(owner);
    }
}
