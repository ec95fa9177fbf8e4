//! Pauses that fail: whatever does, the sandbox runs on.

use roost_domain::sandbox::Phase;
use roost_schemas::event::{Cause, SandboxEvent};

use crate::world::{World, accepted, eventually, owner, pause};

/// What a pause asks the machine for, in order.
pub(crate) const PAUSE: [&str; 7] = ["find", "quiesce", "pause", "draft", "dump", "collect", "seal"];

#[tokio::test(start_paused = true)]
async fn a_pause_that_fails_anywhere_leaves_it_running() {
    for step in PAUSE {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        // Twice in one generation: both are told.
        for times in 1..=2 {
            world.machine.fail(step, 1);
            accepted(world.ask(&sandbox, &pause()).await);
            world
                .until(&sandbox, |view| {
                    (view.state.phase == Phase::Running).then_some(())
                })
                .await;
            let failed = count(&world, &sandbox).await;
            assert_eq!(failed, times, "{step}");
            assert!(world.machine.moves(&owner(&sandbox)), "{step}");
            assert!(world.machine.drafts().is_empty(), "{step}");
        }
        let echo = world.exec(&sandbox, "echo", &["on"]).await;
        assert_eq!(world.output(&sandbox, &echo).await.len(), 2, "{step}");
        assert!(
            matches!(world.now(&sandbox).cause, Some(Cause::StepFailed { .. })),
            "{step}"
        );
        world.paused(&sandbox).await;
        world.resumed(&sandbox).await;
    }
}

async fn count(world: &World, sandbox: &roost_schemas::SandboxId) -> usize {
    let events = world.events(sandbox).await;
    let failed = |event: &&SandboxEvent| matches!(event, SandboxEvent::PauseFailed(_));
    events.iter().filter(failed).count()
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_panics_anywhere_leaves_it_running() {
    for step in PAUSE {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.panic(step, 1);
        accepted(world.ask(&sandbox, &pause()).await);
        world
            .until(&sandbox, |view| view.state.cause.is_some().then_some(()))
            .await;
        assert!(world.machine.moves(&owner(&sandbox)), "{step}");
        world.paused(&sandbox).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_wake_is_tried_again_and_then_lost() {
    for (step, left) in [("wake", 2), ("resume", 2)] {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.machine.fail("seal", 1);
        world.machine.fail(step, left);
        accepted(world.ask(&sandbox, &pause()).await);
        world
            .until(&sandbox, |view| view.state.cause.is_some().then_some(()))
            .await;
        assert!(world.machine.moves(&owner(&sandbox)), "{step}");

        world.machine.fail("seal", 1);
        world.machine.fail(step, u32::MAX);
        accepted(world.ask(&sandbox, &pause()).await);
        world.gone(&sandbox, Phase::Lost).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_in_a_pause_ends_it_in_its_next_life() {
    for step in PAUSE.into_iter().chain(["destroy", "remove", "release"]) {
        let mut world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.hold(step);
        accepted(world.ask(&sandbox, &pause()).await);
        eventually(step, || world.script.count(step) > 0).await;
        world.kill_host().await;
        world.script.release(step);
        world.start_host().await;
        world.phase(&sandbox, Phase::Paused).await;
        world.freed(&sandbox).await;
        assert!(world.machine.drafts().is_empty(), "{step}");
        let vm = world.resumed(&sandbox).await;
        assert!(world.machine.moves(&vm), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_before_it_tells_of_the_seal_tells_in_its_next_life() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    accepted(world.ask(&sandbox, &pause()).await);
    world.trouble.cut(true);
    eventually("it is sealed", || world.machine.sealed().len() == 1).await;
    world.kill_host().await;
    world.machine.crash_engine(&owner(&sandbox));
    world.trouble.cut(false);
    world.start_host().await;
    world.phase(&sandbox, Phase::Paused).await;
    assert_eq!(world.script.count("seal"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_is_gone_before_it_could_be_paused_is_lost() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("quiesce");
    accepted(world.ask(&sandbox, &pause()).await);
    eventually("it comes to rest", || world.script.count("quiesce") == 1).await;
    world.kill_host().await;
    world.machine.crash_engine(&owner(&sandbox));
    world.script.release("quiesce");
    world.start_host().await;
    world.gone(&sandbox, Phase::Lost).await;
    assert_eq!(world.now(&sandbox).cause, Some(Cause::HostRestarted));
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_panics_in_a_pause_ends_it_in_its_next_life() {
    for step in PAUSE {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.hold(step);
        accepted(world.ask(&sandbox, &pause()).await);
        eventually(step, || world.script.count(step) > 0).await;
        crate::panics::crash(&world, &sandbox, 1).await;
        world.script.release(step);
        world.phase(&sandbox, Phase::Paused).await;
        world.freed(&sandbox).await;
        world.resumed(&sandbox).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_compared_with_a_damaged_parent_is_sealed_without() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let parent = world.paused(&sandbox).await;
    world.resumed(&sandbox).await;
    world.machine.damage(&parent.id);
    let taken = world.taken(&sandbox).await;
    let paused = world.paused(&sandbox).await;
    assert_eq!(world.script.count("draft_alone"), 2);
    assert_eq!(count(&world, &sandbox).await, 0);
    assert!(!world.machine.sealed().contains(&parent.id), "it is put away");
    let vm = world.resumed(&sandbox).await;
    assert!(world.machine.moves(&vm) && taken.id != paused.id);
}
