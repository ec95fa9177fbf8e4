//! Snapshots of sandboxes that run on, and forks from them.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_schemas::event::{Cause, SandboxEvent};
use roost_schemas::reply::Code;
use roost_schemas::{Owner, SandboxId, SnapshotId};

use crate::world::{World, accepted, eventually, fork, id, owner, pause, rejected, take};

/// What a snapshot asks the machine for, in order.
const STEPS: [&str; 9] = [
    "find", "quiesce", "pause", "draft", "dump", "collect", "resume", "wake", "seal",
];

fn is_failed(event: &SandboxEvent) -> bool {
    matches!(event, SandboxEvent::SnapshotFailed(_))
}

/// Waits until nothing is asked for any more, and answers how many snapshots failed.
async fn failures(world: &World, sandbox: &SandboxId) -> usize {
    world
        .until(sandbox, |view| view.state.asked.is_empty().then_some(()))
        .await;
    let events = world.events(sandbox).await;
    events.iter().filter(|event| is_failed(event)).count()
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_runs_on_after_a_snapshot_of_it() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    eventually("it runs", || world.script.count("run") == 1).await;
    let snapshot = world.taken(&sandbox).await;
    assert!(world.machine.sealed().contains(&snapshot.id) && world.machine.drafts().is_empty());
    assert!(world.machine.moves(&owner(&sandbox)));
    world.machine.finish(&owner(&sandbox), &process, 0);
    assert_eq!(world.output(&sandbox, &process).await.len(), 1);
    assert_eq!(world.script.count("follow"), 0, "its connection was not cut");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_fails_anywhere_leaves_it_running() {
    for step in STEPS {
        // One try to wake a guest that fails is repeated.
        let fails = usize::from(!["resume", "wake"].contains(&step));
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.machine.fail(step, 1);
        accepted(world.ask(&sandbox, &take(None)).await);
        assert_eq!(failures(&world, &sandbox).await, fails, "{step}");
        assert!(world.machine.moves(&owner(&sandbox)), "{step}");
        assert!(world.machine.drafts().is_empty(), "{step}");
        world.taken(&sandbox).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_panics_anywhere_leaves_it_running() {
    for step in ["quiesce", "pause", "draft", "dump", "collect", "seal"] {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.panic(step, 1);
        accepted(world.ask(&sandbox, &take(None)).await);
        assert_eq!(failures(&world, &sandbox).await, 1, "{step}");
        assert!(world.machine.moves(&owner(&sandbox)), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_wake_after_a_snapshot_is_lost() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.machine.fail("wake", u32::MAX);
    accepted(world.ask(&sandbox, &take(None)).await);
    world.gone(&sandbox, Phase::Lost).await;
    assert!(matches!(
        world.now(&sandbox).cause,
        Some(Cause::StepFailed { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_in_a_snapshot_lets_it_run_on_and_takes_it_in_its_next_life() {
    for step in STEPS {
        let mut world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.hold(step);
        accepted(world.ask(&sandbox, &take(None)).await);
        eventually(step, || world.script.count(step) > 0).await;
        world.kill_host().await;
        world.script.release(step);
        world.start_host().await;
        assert_eq!(failures(&world, &sandbox).await, 0, "{step}");
        assert_eq!(world.now(&sandbox).snapshots.len(), 1, "{step}");
        assert!(world.machine.moves(&owner(&sandbox)), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_or_a_loss_ends_a_snapshot_wherever_it_is() {
    for step in STEPS {
        for kill in [true, false] {
            let world = World::new().await;
            let sandbox = world.running("s1").await;
            world.script.hold(step);
            accepted(world.ask(&sandbox, &take(None)).await);
            eventually(step, || world.script.count(step) > 0).await;
            let end = if kill {
                world.kill(&sandbox).await;
                Phase::Stopped
            } else {
                world.machine.crash_engine(&owner(&sandbox));
                Phase::Lost
            };
            world.script.release(step);
            world.gone(&sandbox, end).await;
            assert!(world.machine.drafts().is_empty(), "{step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_overtakes_a_snapshot() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("collect");
    accepted(world.ask(&sandbox, &take(None)).await);
    eventually("it is taken", || world.script.count("collect") == 1).await;
    accepted(world.ask(&sandbox, &pause()).await);
    world.script.release("collect");
    world.phase(&sandbox, Phase::Paused).await;
    assert_eq!(failures(&world, &sandbox).await, 1);
    assert_eq!(world.now(&sandbox).snapshots.len(), 1);
    world.resumed(&sandbox).await;
}

#[tokio::test(start_paused = true)]
async fn forks_are_independent_of_their_source_and_of_each_other() {
    let world = World::new().await;
    let source = world.running("s1").await;
    world.exec(&source, "sleep", &[]).await;
    eventually("it runs", || world.script.count("run") == 1).await;
    let snapshot = world.taken(&source).await;
    let mut children = Vec::<Owner>::new();
    for name in ["c1", "c2", "c3"] {
        children.push(world.running_by(name, &fork(&source, &snapshot.id)).await);
    }
    for child in &children {
        assert!(world.machine.moves(child));
        let state = world.now(&child.sandbox);
        assert_eq!(state.running.unwrap().restored_from, Some(snapshot.id.clone()));
        assert!(
            state.processes.is_empty(),
            "the source's programs are not its own"
        );
    }
    assert_eq!(world.script.count("boot"), 1);
    // A fork of a fork, of which nothing runs.
    let deeper = world.paused(&id("c1")).await;
    let grandchild = world.running_by("g1", &fork(&id("c1"), &deeper.id)).await;
    assert!(world.machine.moves(&grandchild));
    world.kill(&source).await;
    world.gone(&source, Phase::Stopped).await;
    assert!(children[1..].iter().all(|child| world.machine.moves(child)));
}

#[tokio::test(start_paused = true)]
async fn a_fork_of_what_is_not_there_is_refused_or_fails_in_words() {
    let world = World::new().await;
    let source = world.running("s1").await;
    let unknown = SnapshotId::new("nothing").unwrap();
    let (code, message) = rejected(world.ask(&id("c1"), &fork(&source, &unknown)).await);
    assert!(code == Code::NotFound && message.contains("nothing"), "{message}");
    let snapshot = world.taken(&source).await;
    world.machine.damage(&snapshot.id);
    accepted(world.ask(&id("c2"), &fork(&source, &snapshot.id)).await);
    world.gone(&id("c2"), Phase::Failed).await;
    let cause = world.now(&id("c2")).cause;
    assert!(matches!(cause, Some(Cause::SnapshotUnusable { .. })), "{cause:?}");
    assert_eq!(world.script.count("open"), 1, "it is not tried again");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_set_meanwhile_is_carried_out_afterwards() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("seal");
    accepted(world.ask(&sandbox, &take(None)).await);
    eventually("it is sealed", || world.script.count("seal") == 1).await;
    let policy = roost_schemas::network::NetworkPolicy::closed();
    let set = roost_schemas::command::SandboxCommand::SetNetwork(roost_schemas::command::SetNetwork {
        policy: policy.clone(),
    });
    accepted(world.ask(&sandbox, &set).await);
    world.script.release("seal");
    eventually("it is carried out", || {
        world.machine.policy(&owner(&sandbox)) == Some(policy.clone())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.now(&sandbox).snapshots.len(), 1);
}
