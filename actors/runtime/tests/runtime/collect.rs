//! Garbage collection and compaction: what is referred to stays, what is not goes.

use std::collections::BTreeSet;
use std::time::Duration;

use roost_domain::sandbox::{MAX_SNAPSHOTS, MAX_SOURCES, Phase};
use roost_schemas::SnapshotId;
use roost_schemas::event::SandboxEvent;

use crate::world::{World, accepted, create_from, eventually, fork, id, resume};

/// Waits until exactly `ids` are left in the store.
async fn left(world: &World, ids: impl IntoIterator<Item = SnapshotId>) {
    let ids: BTreeSet<_> = ids.into_iter().collect();
    eventually("the rest is collected", || world.machine.sealed() == ids).await;
    // For good.
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.machine.sealed(), ids);
}

#[tokio::test(start_paused = true)]
async fn what_ended_sandboxes_had_is_collected_soon() {
    let world = World::new().await;
    let (one, two) = (world.running("s1").await, world.running("s2").await);
    world.paused(&one).await;
    let kept = world.paused(&two).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.kill(&one).await;
    world.gone(&one, Phase::Stopped).await;
    let begin = tokio::time::Instant::now();
    eventually("it is collected", || world.machine.sealed().len() == 1).await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    left(&world, [kept.id]).await;
    world.resumed(&two).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ends_leaves_its_forks_what_they_need() {
    let world = World::new().await;
    let source = world.running("s1").await;
    let first = world.paused(&source).await;
    world.resumed(&source).await;
    let second = world.paused(&source).await;
    let child = id("c1");
    world.running_by("c1", &fork(&source, &second.id)).await;
    world.kill(&source).await;
    world.gone(&source, Phase::Stopped).await;
    // The second is a diff to the first.
    left(&world, [first.id.clone(), second.id.clone()]).await;
    let own = world.paused(&child).await;
    world.resumed(&child).await;
    world.paused(&child).await;
    assert!(
        world
            .machine
            .sealed()
            .is_superset(&[first.id, second.id, own.id].into())
    );
    world.kill(&child).await;
    world.gone(&child, Phase::Stopped).await;
    left(&world, []).await;
}

#[tokio::test(start_paused = true)]
async fn a_template_keeps_its_snapshot_until_it_is_deleted_and_unused() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.saved(&sandbox, "mine").await;
    let kept = world.now(&sandbox).snapshots[0].id.clone();
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    left(&world, [kept.clone()]).await;
    world.running_by("c1", &create_from("mine")).await;
    accepted(world.delete_template("mine").await);
    left(&world, [kept]).await;
    world.kill(&id("c1")).await;
    left(&world, []).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sealed_and_not_told_yet_is_spared() {
    let world = World::new().await;
    let (one, two) = (world.running("s1").await, world.running("s2").await);
    world.paused(&two).await;
    accepted(world.ask(&one, &crate::world::pause()).await);
    // The log does not hear of it for a while, in which much is collected.
    world.script.hold("append");
    eventually("it is sealed", || world.machine.sealed().len() == 2).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.machine.sealed().len(), 2);
    world.script.release("append");
    world.phase(&one, Phase::Paused).await;
    world.resumed(&one).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_collected_while_the_log_is_away() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.paused(&sandbox).await;
    world.kill(&sandbox).await;
    world.trouble.cut(true);
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.machine.sealed().len(), 1);
    world.trouble.cut(false);
    world.gone(&sandbox, Phase::Stopped).await;
    left(&world, []).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_collects_when_it_starts() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.paused(&sandbox).await;
    world.machine.fail("sweep", u32::MAX);
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    world.kill_host().await;
    world.machine.fail("sweep", 0);
    world.start_host().await;
    assert!(world.machine.sealed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deep_snapshot_is_written_anew_and_what_it_needed_goes() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.paused(&sandbox).await;
    // Its old snapshots are forgotten one by one, and each is needed by those after it.
    for _ in 0..MAX_SOURCES {
        world.resumed(&sandbox).await;
        world.paused(&sandbox).await;
    }
    let base = world.until(&sandbox, |view| {
        let base = view.state.base.clone()?;
        (base.sources == 1).then_some(base)
    });
    let base = base.await;
    let events = world.events(&sandbox).await;
    let Some(SandboxEvent::SnapshotCompacted(compacted)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(compacted.snapshot, base);
    world.resumed(&sandbox).await;
    // By its old name too.
    world.running_by("c1", &fork(&sandbox, &compacted.replaced)).await;
    for _ in 0..MAX_SNAPSHOTS {
        world.taken(&sandbox).await;
    }
    world.kill(&id("c1")).await;
    let state = world.now(&sandbox);
    let wanted = state.references().cloned().collect::<BTreeSet<_>>();
    assert!(wanted.contains(&base.id));
    left(&world, wanted).await;
}

#[tokio::test(start_paused = true)]
async fn a_compaction_that_fails_is_let_be_and_one_that_is_overtaken_changes_nothing() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    for _ in 0..MAX_SOURCES {
        world.paused(&sandbox).await;
        world.resumed(&sandbox).await;
    }
    world.script.hold("compact");
    world.paused(&sandbox).await;
    eventually("it is compacted", || world.script.count("compact") == 1).await;
    accepted(world.ask(&sandbox, &resume()).await);
    world.script.release("compact");
    world.phase(&sandbox, Phase::Running).await;

    world.machine.fail("compact", u32::MAX);
    world.paused(&sandbox).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(world.script.count("compact"), 2);
    let compacted = |event: &SandboxEvent| matches!(event, SandboxEvent::SnapshotCompacted(_));
    assert!(!world.events(&sandbox).await.iter().any(compacted));
    world.resumed(&sandbox).await;
}
