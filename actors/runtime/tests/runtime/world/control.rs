//! A reconciler, and what it is to look after.

use std::sync::Arc;

use ractor::{Actor, ActorRef};
use roost_runtime::memory::Kept;
use roost_runtime::reconciler::{Arguments, Reconciler, Tick};
use roost_schemas::command::SandboxCommand;

use super::{World, create};

pub(crate) async fn reconciler(world: &World) -> ActorRef<Tick> {
    reconciler_that_keeps(world, Arc::default()).await
}

/// One of several lives that have `keep` in common.
pub(crate) async fn reconciler_that_keeps(world: &World, keep: Arc<Kept>) -> ActorRef<Tick> {
    let args = Arguments {
        journal: Arc::new(world.memory.journal()),
        leases: Arc::new(world.memory.leases()),
        queue: Arc::new(world.memory.queue()),
        fleet: world.fleet.clone(),
        clock: Arc::clone(&world.clock) as _,
        keep,
    };
    Reconciler::spawn(None, Reconciler, args).await.unwrap().0
}

pub(crate) fn living_for(seconds: u32) -> SandboxCommand {
    let SandboxCommand::Create(mut create) = create() else {
        unreachable!()
    };
    create.spec.timeout_sec = seconds;
    SandboxCommand::Create(create)
}
