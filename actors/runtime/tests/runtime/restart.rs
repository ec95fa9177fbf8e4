//! A host that is killed and started again on the same machine and log.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_runtime::port::{Disks, Slots};
use roost_schemas::event::{Cause, ExitStatus, SandboxEvent};
use roost_schemas::output::Frame;
use roost_schemas::{Generation, Owner, TemplateName};

use crate::world::{World, accepted, create, eventually, id, owner};

/// When every sandbox of a restarted host is adopted or declared lost.
const SETTLED: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn running_vms_are_adopted_and_none_is_booted() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    eventually("it runs", || world.script.count("run") == 1).await;
    world.kill_host().await;
    assert!(world.machine.runs(&owner(&sandbox)), "the VM outlives its host");
    world.start_host().await;

    eventually("the program is followed", || world.script.count("follow") == 1).await;
    world.machine.finish(&owner(&sandbox), &process, 3);
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(
            frames[..],
            [Frame::End {
                status: ExitStatus::Exited { code: 3 },
                ..
            }]
        ),
        "{frames:?}"
    );
    assert_eq!((world.script.count("boot"), world.script.count("adopt")), (1, 1));
    let echo = world.exec(&sandbox, "echo", &["on"]).await;
    assert_eq!(world.output(&sandbox, &echo).await.len(), 2);
    // It is watched again.
    world.machine.crash_engine(&owner(&sandbox));
    world.gone(&sandbox, Phase::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn vms_that_vanished_meanwhile_are_lost() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    world.kill_host().await;
    world.machine.crash_engine(&owner(&sandbox));
    world.start_host().await;
    world.gone(&sandbox, Phase::Lost).await;
    let events = world.events(&sandbox).await;
    let [.., SandboxEvent::ProcessExited(exited), SandboxEvent::Lost(lost)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(lost.cause, Cause::HostRestarted);
    assert!(exited.process == process && matches!(exited.status, ExitStatus::Unknown { .. }));
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(
            frames[..],
            [Frame::End {
                status: ExitStatus::Unknown { .. },
                ..
            }]
        ),
        "{frames:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_ends_while_it_is_found_again_says_how() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.kill_host().await;
    world.script.hold("is_paused");
    world.start_host().await;
    eventually("it is found", || world.script.count("adopt") == 1).await;
    world.machine.crash_engine(&owner(&sandbox));
    world.gone(&sandbox, Phase::Lost).await;
    let cause = world.now(&sandbox).cause;
    assert!(matches!(cause, Some(Cause::EngineExited { .. })), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_starting_is_booted_anew() {
    for step in ["claim", "create", "boot", "greet"] {
        let mut world = World::new().await;
        world.script.hold(step);
        let sandbox = id("s1");
        accepted(world.ask(&sandbox, &create()).await);
        eventually("the step has begun", || world.script.count(step) == 1).await;
        world.kill_host().await;
        world.script.release(step);
        world.start_host().await;
        world.phase(&sandbox, Phase::Running).await;
        assert_eq!(
            world.kinds(&sandbox).await[2..],
            ["starting", "running"],
            "{step}"
        );
        world.kill(&sandbox).await;
        world.gone(&sandbox, Phase::Stopped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_stopping_is_stopped() {
    for step in ["destroy", "remove", "release"] {
        let mut world = World::new().await;
        let sandbox = world.running("s1").await;
        let process = world.exec(&sandbox, "sleep", &[]).await;
        world.script.hold(step);
        world.kill(&sandbox).await;
        eventually("the step has begun", || world.script.count(step) == 1).await;
        world.kill_host().await;
        world.script.release(step);
        world.start_host().await;
        world.gone(&sandbox, Phase::Stopped).await;
        let frames = world.output(&sandbox, &process).await;
        assert!(matches!(frames[..], [Frame::End { .. }]), "{step}: {frames:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_owns_is_swept() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.kill_host().await;
    let stranger = Owner {
        sandbox: id("stranger"),
        generation: Generation(1),
    };
    let older = Owner {
        generation: Generation(0),
        ..owner(&sandbox)
    };
    let base = TemplateName::new("base").unwrap();
    world.machine.claim(&stranger).await.unwrap();
    world.machine.create(&stranger, &base).await.unwrap();
    world.machine.claim(&older).await.unwrap();
    world.start_host().await;
    let holders: Vec<_> = world.machine.holders().into_iter().collect();
    assert_eq!(holders, [owner(&sandbox)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_while_it_was_being_released_is_swept() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("destroy");
    world.machine.crash_engine(&owner(&sandbox));
    world.phase(&sandbox, Phase::Lost).await;
    eventually("the release has begun", || world.script.count("destroy") == 1).await;
    world.kill_host().await;
    world.script.release("destroy");
    assert!(!world.machine.holders().is_empty());
    world.start_host().await;
    assert!(world.machine.holders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn commands_that_waited_for_the_host_are_taken() {
    let mut world = World::new().await;
    world.kill_host().await;
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    world.start_host().await;
    world.phase(&sandbox, Phase::Running).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_whose_machine_cannot_tell_yet_asks_again() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.kill_host().await;
    world.script.panic("adopt", 3);
    world.start_host().await;
    eventually("it asks until it is told", || world.script.count("adopt") == 4).await;
    world.exec(&sandbox, "echo", &[]).await;
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_vm_of_which_nothing_can_be_told_is_given_up() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.kill_host().await;
    world.machine.fail("adopt", u32::MAX);
    let began = tokio::time::Instant::now();
    world.start_host().await;
    world.gone(&sandbox, Phase::Lost).await;
    assert!(began.elapsed() < SETTLED, "{:?}", began.elapsed());
    let cause = world.now(&sandbox).cause;
    assert!(matches!(cause, Some(Cause::StepFailed { .. })), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vm_whose_engine_is_silent_is_lost_and_the_others_are_not() {
    let mut world = World::new().await;
    let (silent, other) = (world.running("s1").await, world.running("s2").await);
    world.kill_host().await;
    world.machine.silence_engine(&owner(&silent));
    let began = tokio::time::Instant::now();
    world.start_host().await;
    world.gone(&silent, Phase::Lost).await;
    assert!(began.elapsed() < SETTLED, "{:?}", began.elapsed());
    let cause = world.now(&silent).cause;
    assert!(matches!(cause, Some(Cause::Unresponsive { .. })), "{cause:?}");
    world.exec(&other, "echo", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_swept_is_swept_later_and_nobody_waits_for_it() {
    for step in ["destroy", "remove", "release"] {
        let mut world = World::new().await;
        let sandbox = world.running("s1").await;
        world.kill_host().await;
        let stranger = Owner {
            sandbox: id("stranger"),
            generation: Generation(1),
        };
        let base = TemplateName::new("base").unwrap();
        world.machine.claim(&stranger).await.unwrap();
        world.machine.create(&stranger, &base).await.unwrap();
        world.machine.fail(step, 3);
        world.start_host().await;
        world.exec(&sandbox, "echo", &[]).await;
        assert!(world.script.count("destroy") < 4, "{step}");
        eventually("it is swept in the end", || world.script.count("destroy") == 4).await;
        let swept = || !world.machine.holders().contains(&stranger);
        eventually("nothing is left of it", swept).await;
    }
}

#[tokio::test(start_paused = true)]
async fn killed_over_and_over_it_still_comes_to_the_end() {
    let mut world = World::new().await;
    let sandboxes = [
        world.running("s1").await,
        world.running("s2").await,
        world.running("s3").await,
    ];
    for sandbox in &sandboxes {
        world.exec(sandbox, "sleep", &[]).await;
        world.kill_host().await;
        world.start_host().await;
        world.kill(sandbox).await;
        world.kill_host().await;
        world.start_host().await;
    }
    for sandbox in &sandboxes {
        world.gone(sandbox, Phase::Stopped).await;
    }
    assert_eq!(world.script.count("boot"), 3);
}
