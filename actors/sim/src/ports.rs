//! The ports as one life of a process has them: every call waits for its turn, and meets what the weather has for it.

mod journal;
mod leases;
mod output;
mod queue;
mod staged;

use std::sync::Arc;

use async_trait::async_trait;
use roost_journal::checkpoint::{Change, Checkpoint, CheckpointError, Mark, MemoryCheckpoint, Saved};
use roost_journal::memory::Passage;
use roost_journal::port::Journal;
use roost_runtime::fleet::FleetHandle;
use roost_runtime::port::Clock;

pub(crate) use staged::Staged;

use crate::faults::Kind;
use crate::process::Life;
use crate::world::World;

/// One life's way to the world.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) world: World,
    pub(crate) life: Arc<Life>,
}

impl Link {
    pub(crate) fn new(world: World, life: Arc<Life>) -> Self {
        Self { world, life }
    }

    /// Waits for its turn; a dead life waits for ever.
    async fn turn(&self, kind: Kind, what: &'static str, about: String) -> Passage {
        self.world.turn(&self.life, kind, what, about).await
    }

    /// To be called when the call has had its effect, before its caller hears of it.
    async fn took_effect(&self) {
        self.world.stepped(&self.life);
        if self.life.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// The event log.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(self.world.memory().journal().over(Arc::new(self.clone())))
    }

    /// The clock of its machine.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.world.clock(&self.life.process)
    }

    /// A fleet that goes on where the process's last checkpoint stands, and that all the world may look at.
    pub(crate) async fn fleet(&self) -> FleetHandle {
        let checkpoint = Arc::new(LifeCheckpoint {
            kept: self.world.checkpoint(&self.life.process),
            life: Arc::clone(&self.life),
        });
        let fleet = FleetHandle::start(self.journal(), Some(checkpoint)).await;
        self.world.show(&self.life, fleet.clone());
        fleet
    }
}

/// A process's checkpoint, which a dead life writes nothing to.
struct LifeCheckpoint {
    kept: Arc<MemoryCheckpoint>,
    life: Arc<Life>,
}

#[async_trait]
impl Checkpoint for LifeCheckpoint {
    async fn load(&self, name: &'static str) -> Result<Option<Saved>, CheckpointError> {
        self.kept.load(name).await
    }

    async fn save(
        &self,
        name: &'static str,
        mark: Mark,
        changes: Vec<Change>,
    ) -> Result<(), CheckpointError> {
        if self.life.is_dead() {
            return Ok(());
        }
        self.kept.save(name, mark, changes).await
    }

    async fn clear(&self, name: &'static str) -> Result<(), CheckpointError> {
        self.kept.clear(name).await
    }
}
