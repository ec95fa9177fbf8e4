//! Boots that do not succeed: undone, recorded, tried again, and at last given up.

use std::time::Duration;

use roost_domain::sandbox::{MAX_START_ATTEMPTS, Phase};
use roost_schemas::SandboxId;
use roost_schemas::event::{Cause, SandboxEvent, StartFailed};

use crate::world::{World, accepted, create, id, owner};

/// The steps of a boot, in order; the first two are taken at once.
const STEPS: [&str; 4] = ["claim", "create", "boot", "greet"];

async fn failures(world: &World, sandbox: &SandboxId) -> Vec<StartFailed> {
    let events = world.events(sandbox).await;
    let failed = events.into_iter().filter_map(|event| match event {
        SandboxEvent::StartFailed(failed) => Some(failed),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn a_boot_that_fails_once_is_undone_and_tried_again() {
    for step in STEPS {
        let world = World::new().await;
        world.machine.fail(step, 1);
        let sandbox = world.running("s1").await;
        let [failed] = &failures(&world, &sandbox).await[..] else {
            panic!("{step}: {:?}", world.events(&sandbox).await)
        };
        assert_eq!(failed.attempt, 1);
        assert!(
            matches!(&failed.cause, Cause::StepFailed { step: s, .. } if s == step),
            "{failed:?}"
        );
        // All of the first try is taken apart before the second begins.
        let calls = world.script.calls().clone();
        let undone = calls.iter().position(|call| call == "release").unwrap();
        assert_eq!(
            calls[undone - 2..=undone],
            ["destroy", "remove", "release"],
            "{step}"
        );
        let again = calls.iter().rposition(|call| call == "claim").unwrap();
        assert!(undone < again, "{step}: {calls:?}");
        world.kill(&sandbox).await;
        world.gone(&sandbox, Phase::Stopped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn between_two_tries_nothing_is_held() {
    for step in STEPS {
        let world = World::new().await;
        world.machine.fail(step, 1);
        let sandbox = id("s1");
        accepted(world.ask(&sandbox, &create()).await);
        world
            .until(&sandbox, |view| (view.state.failed_starts == 1).then_some(()))
            .await;
        assert!(
            world.machine.holders().is_empty(),
            "{step}: {:?}",
            world.machine.holders()
        );
        world.phase(&sandbox, Phase::Running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_try_may_still_succeed() {
    let world = World::new().await;
    world.machine.fail("boot", MAX_START_ATTEMPTS - 1);
    let sandbox = world.running("s1").await;
    assert_eq!(failures(&world, &sandbox).await.len(), 2);
    assert!(world.machine.runs(&owner(&sandbox)));
    world.exec(&sandbox, "echo", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_never_boots_fails_and_holds_nothing() {
    for step in STEPS {
        let world = World::new().await;
        world.machine.fail(step, u32::MAX);
        let sandbox = id("s1");
        accepted(world.ask(&sandbox, &create()).await);
        world.gone(&sandbox, Phase::Failed).await;
        let attempts: Vec<_> = failures(&world, &sandbox)
            .await
            .iter()
            .map(|f| f.attempt)
            .collect();
        assert_eq!(attempts, [1, 2, 3], "{step}");
        assert_eq!(
            world.kinds(&sandbox).await[3..],
            ["start_failed", "start_failed", "start_failed", "failed"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn tries_are_spaced_further_and_further() {
    let world = World::new().await;
    world.machine.fail("boot", u32::MAX);
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    let mut at = Vec::new();
    for attempt in 1..=MAX_START_ATTEMPTS {
        world
            .until(&sandbox, |view| {
                (view.state.failed_starts == attempt).then_some(())
            })
            .await;
        at.push(tokio::time::Instant::now());
    }
    let (first, second) = (at[1] - at[0], at[2] - at[1]);
    // As finely as tokio's timers go.
    let tick = Duration::from_millis(5);
    assert!(
        first >= Duration::from_millis(250) && second + tick >= first * 2,
        "{at:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_is_a_boot_that_failed() {
    for step in STEPS {
        let world = World::new().await;
        world.script.panic(step, 1);
        let sandbox = world.running("s1").await;
        assert_eq!(failures(&world, &sandbox).await.len(), 1, "{step}");
        world.kill(&sandbox).await;
        world.gone(&sandbox, Phase::Stopped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_dies_before_its_guest_answers_is_a_boot_that_failed() {
    let world = World::new().await;
    world.machine.hang_greetings();
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    for _ in 0..MAX_START_ATTEMPTS {
        crate::world::eventually("the engine runs", || world.machine.runs(&owner(&sandbox))).await;
        world.machine.crash_engine(&owner(&sandbox));
    }
    world.gone(&sandbox, Phase::Failed).await;
    let failed = failures(&world, &sandbox).await;
    assert!(
        matches!(&failed[0].cause, Cause::StepFailed { detail, .. } if detail.contains("told to crash")),
        "{failed:?}"
    );
}
