//! Engines in memory.

use std::sync::Arc;

use async_trait::async_trait;
use roost_schemas::Owner;
use roost_schemas::event::{Cause, EngineKind};
use tokio::sync::watch;

use super::guest::Guest;
use super::{Inner, Machine};
use crate::port::{Draft, Dumped, Engines, Fault, Image, Vm, VmSpec};

/// One VM, with what is in its memory.
pub(super) struct Engine {
    vm: Arc<MemoryVm>,
    /// Whether its vCPUs stand still.
    pub paused: bool,
    /// Whether it answers nobody any more.
    pub silent: bool,
    pub guest: Guest,
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

impl Inner {
    pub(super) fn engine(&mut self, owner: &Owner) -> Result<&mut Engine, Fault> {
        let engine = self.engines.get_mut(owner);
        engine.ok_or_else(|| Fault::new("speak to the engine", format!("{owner} has none")))
    }

    /// One that answers.
    fn answering(&mut self, owner: &Owner) -> Result<&mut Engine, Fault> {
        self.unfenced()?;
        let engine = self.engine(owner)?;
        if engine.silent {
            return Err(Fault::timed_out(
                "speak to the engine",
                format!("that of {owner} is silent"),
            ));
        }
        Ok(engine)
    }

    /// One whose vCPUs run.
    pub(super) fn moving(&mut self, owner: &Owner) -> Result<&mut Engine, Fault> {
        self.unfenced()?;
        let engine = self.engine(owner)?;
        if engine.paused {
            return Err(Fault::timed_out(
                "speak to the guest",
                format!("nothing moves in {owner}"),
            ));
        }
        Ok(engine)
    }

    fn spawn(&mut self, owner: &Owner, paused: bool, guest: Guest) -> Arc<dyn Vm> {
        self.end(owner);
        self.marks.crashed.remove(owner);
        let vm = Arc::new(MemoryVm {
            alive: watch::Sender::new(true),
        });
        let engine = Engine {
            vm: Arc::clone(&vm),
            paused,
            silent: false,
            guest,
        };
        self.engines.insert(owner.clone(), engine);
        vm
    }

    pub(super) fn end(&mut self, owner: &Owner) {
        self.agents.remove(owner);
        if let Some(engine) = self.engines.remove(owner) {
            engine.vm.alive.send_replace(false);
        }
    }
}

#[async_trait]
impl Engines for Machine {
    async fn boot(&self, owner: &Owner, _spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        let mut inner = self.step("boot")?;
        inner.unfenced()?;
        Ok(inner.spawn(owner, false, Guest::default()))
    }

    async fn restore(&self, owner: &Owner, _spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        let mut inner = self.step("restore")?;
        inner.unfenced()?;
        let frozen = inner.frozen(&image.snapshot.id)?;
        Ok(inner.spawn(owner, true, frozen))
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        let mut inner = self.step("pause")?;
        inner.answering(owner)?.paused = true;
        Ok(())
    }

    /// A guest that is not itself yet must not be able to speak to anybody.
    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        let mut inner = self.step("resume")?;
        let open = inner
            .policies
            .get(owner)
            .is_none_or(|policy| policy.internet || policy.public);
        let engine = inner.answering(owner)?;
        if open && engine.guest.nameless {
            return Err(Fault::new(
                "resume the vCPUs",
                format!("{owner} could speak under another's name"),
            ));
        }
        engine.paused = false;
        self.changed();
        Ok(())
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        Ok(self.lock().answering(owner)?.paused)
    }

    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        let mut inner = self.step("dump")?;
        let engine = inner.answering(owner)?;
        if !engine.paused || !engine.guest.quiet {
            return Err(Fault::new(
                "write the memory",
                format!("{owner} does not stand still"),
            ));
        }
        let frozen = engine.guest.frozen();
        inner.store.drafts.insert(draft.id.clone(), Some(frozen));
        Ok(Dumped {
            complete: true,
            removed: Vec::new(),
        })
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        let inner = self.step("adopt")?;
        let engine = inner.engines.get(owner);
        Ok(engine.map(|engine| Arc::clone(&engine.vm) as Arc<dyn Vm>))
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        self.step("destroy")?.end(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        Ok(self.lock().engines.keys().cloned().collect())
    }
}
