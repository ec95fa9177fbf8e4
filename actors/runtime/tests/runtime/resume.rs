//! Resumes that fail: whatever does, what is paused stays so, whole.

use roost_domain::sandbox::Phase;
use roost_schemas::event::{Cause, SandboxEvent};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::reply::{Code, Reply};

use crate::world::{World, accepted, create, eventually, id, rejected, resume};

/// What a resume asks the machine for, in order.
pub(crate) const STEPS: [&str; 7] = ["open", "claim", "apply", "drive", "restore", "resume", "greet"];

#[tokio::test(start_paused = true)]
async fn a_resume_that_fails_anywhere_leaves_it_paused() {
    for step in STEPS {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        let base = world.paused(&sandbox).await;
        for generation in 2..=3 {
            world.machine.fail(step, 1);
            accepted(world.ask(&sandbox, &resume()).await);
            world
                .until(&sandbox, |view| {
                    let over = view.state.phase == Phase::Paused && view.state.generation().0 == generation;
                    over.then_some(())
                })
                .await;
            world.freed(&sandbox).await;
        }
        let state = world.now(&sandbox);
        assert_eq!(state.base, Some(base), "{step}");
        assert!(matches!(state.cause, Some(Cause::StepFailed { .. })), "{step}");
        let vm = world.resumed(&sandbox).await;
        assert_eq!(vm.generation.0, 4, "{step}");
        assert!(world.machine.moves(&vm), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_panics_anywhere_leaves_it_paused() {
    for step in STEPS {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.paused(&sandbox).await;
        world.script.panic(step, 1);
        accepted(world.ask(&sandbox, &resume()).await);
        world
            .until(&sandbox, |view| view.state.cause.is_some().then_some(()))
            .await;
        world.freed(&sandbox).await;
        world.resumed(&sandbox).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_snapshot_is_refused_in_words() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let base = world.paused(&sandbox).await;
    world.machine.damage(&base.id);
    accepted(world.ask(&sandbox, &resume()).await);
    let cause = world.until(&sandbox, |view| view.state.cause.clone()).await;
    assert!(
        matches!(&cause, Cause::SnapshotUnusable { snapshot, .. } if *snapshot == base.id),
        "{cause:?}"
    );
    assert_eq!(world.now(&sandbox).phase, Phase::Paused);
    assert_eq!(world.script.count("restore"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_guest_can_reach_nobody_before_it_is_itself() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.paused(&sandbox).await;
    world.script.hold("greet");
    accepted(world.ask(&sandbox, &resume()).await);
    eventually("it is greeted", || world.script.count("greet") == 2).await;
    let vm = roost_schemas::Owner {
        generation: roost_schemas::Generation(2),
        ..crate::world::owner(&sandbox)
    };
    assert_eq!(world.machine.policy(&vm), Some(NetworkPolicy::closed()));
    assert!(!world.machine.is_open(&vm) && !world.machine.moves(&vm));
    world.script.release("greet");
    world.phase(&sandbox, Phase::Running).await;
    assert_eq!(world.machine.policy(&vm), Some(NetworkPolicy::default()));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_in_a_resume_resumes_in_its_next_life() {
    for step in STEPS {
        let mut world = World::new().await;
        let sandbox = world.running("s1").await;
        world.paused(&sandbox).await;
        let before = world.script.count(step);
        world.script.hold(step);
        accepted(world.ask(&sandbox, &resume()).await);
        eventually(step, || world.script.count(step) > before).await;
        world.kill_host().await;
        world.script.release(step);
        world.start_host().await;
        world.phase(&sandbox, Phase::Running).await;
        let vm = world.holder(&sandbox);
        assert!(world.machine.moves(&vm), "{step}");
        assert_eq!(world.machine.holders().into_iter().collect::<Vec<_>>(), [vm]);
        world.paused(&sandbox).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_panics_in_a_resume_resumes_in_its_next_life() {
    for step in STEPS {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.paused(&sandbox).await;
        let before = world.script.count(step);
        world.script.hold(step);
        accepted(world.ask(&sandbox, &resume()).await);
        eventually(step, || world.script.count(step) > before).await;
        crate::panics::crash(&world, &sandbox, 1).await;
        world.script.release(step);
        // The life that panicked may have got as far as to fail.
        world
            .until(&sandbox, |view| {
                matches!(view.state.phase, Phase::Running | Phase::Paused).then_some(())
            })
            .await;
        if world.now(&sandbox).phase == Phase::Paused {
            world.resumed(&sandbox).await;
        }
        assert!(world.machine.moves(&world.holder(&sandbox)), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_paused_stays_so_over_a_restart() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let base = world.paused(&sandbox).await;
    world.kill_host().await;
    world.start_host().await;
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    assert_eq!(world.now(&sandbox).phase, Phase::Paused);
    assert!(world.machine.sealed().contains(&base.id));
    let vm = world.resumed(&sandbox).await;
    assert!(world.machine.moves(&vm));
}

#[tokio::test(start_paused = true)]
async fn a_resume_needs_room_and_leaves_none_for_the_next() {
    let world = World::with_memory(256).await;
    let (one, two) = (world.running("s1").await, world.running("s2").await);
    world.paused(&one).await;
    world.paused(&two).await;
    world.running_by("s3", &create()).await;
    // Room for one of the two.
    let resume = resume();
    let replies = tokio::join!(world.ask(&one, &resume), world.ask(&two, &resume));
    let refused: Vec<_> = [replies.0, replies.1]
        .into_iter()
        .filter_map(|reply| match reply {
            Reply::Rejected(rejected) => Some(rejected.code),
            Reply::Accepted(_) => None,
        })
        .collect();
    assert_eq!(refused, [Code::NoCapacity]);
    // What runs, or never was, is for its owner to answer.
    accepted(world.ask(&id("s3"), &resume).await);
    rejected(world.ask(&id("nobody"), &resume).await);
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_the_log_is_away_loses_no_resume() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.paused(&sandbox).await;
    world.script.hold("greet");
    accepted(world.ask(&sandbox, &resume()).await);
    eventually("it is greeted", || world.script.count("greet") == 2).await;
    world.trouble.cut(true);
    world.script.release("greet");
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(world.now(&sandbox).phase, Phase::Resuming);
    world.trouble.cut(false);
    world.phase(&sandbox, Phase::Running).await;
    let events = world.events(&sandbox).await;
    let resuming = |event: &&SandboxEvent| matches!(event, SandboxEvent::Resuming(_));
    assert_eq!(events.iter().filter(resuming).count(), 1);
    world.paused(&sandbox).await;
}
