//! What processes have made of the log, against the log.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roost_journal::checkpoint::{Checkpoint, Saved, SledCheckpoint};
use roost_journal::port::Journal;
use roost_journal::projection::Projection;
use roost_runtime::fleet::{FleetHandle, FleetProjection};
use roost_schemas::event::HostEvent;

use crate::world::{Ran, World, host};

/// Leaves a checkpoint in `state`, as a process does that ends.
async fn rest(world: &World, state: &Path) {
    let checkpoint: Arc<dyn Checkpoint> =
        Arc::new(SledCheckpoint::open(state.join("checkpoint")).await.unwrap());
    let journal: Arc<dyn Journal> = Arc::new(world.log.journal());
    let fleet = FleetHandle::start(journal.clone(), Some(checkpoint)).await;
    fleet.catch_up(&*journal, Duration::from_secs(30)).await.unwrap();
    fleet.stop().await;
}

fn verify(world: &World, state: &Path) -> Ran {
    world.roost("verify", &["--state", state.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_agrees_with_the_log_it_was_made_from_and_no_other() {
    let state = tempfile::tempdir().unwrap();
    let said = verify(&World::empty().await, state.path()).badly();
    assert!(said.contains("is not there"), "{said}");

    let world = World::with(2).await;
    rest(&world, state.path()).await;
    world.commit(&host("h2"), 0, HostEvent::Drained).await;
    let said = verify(&world, state.path()).well();
    assert!(said.contains("the same at sequence 7"), "{said}");

    let said = verify(&World::with(1).await, state.path()).badly();
    assert!(said.contains("it has seen 7, but the log ends at 4"), "{said}");
    // As long, and made of the same events by other commands.
    let said = verify(&World::with(2).await, state.path()).badly();
    assert!(said.contains("another commit stands at sequence 7"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_holds_something_else_is_told() {
    let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::with(2).await;
    rest(&world, state.path()).await;
    {
        let from = SledCheckpoint::open(state.path().join("checkpoint"))
            .await
            .unwrap();
        let to = SledCheckpoint::open(other.path().join("checkpoint"))
            .await
            .unwrap();
        let Saved { mark, mut entries } = from.load(FleetProjection::NAME).await.unwrap().unwrap();
        entries.pop();
        let changes = entries
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        to.save(FleetProjection::NAME, mark, changes).await.unwrap();
    }
    let said = verify(&world, other.path()).badly();
    assert!(said.contains("the log comes to"), "{said}");
}
