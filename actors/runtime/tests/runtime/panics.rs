//! Sandbox actors that panic: recorded, restarted, and at last declared lost, while the host goes on.

use std::time::Duration;

use roost_domain::sandbox::{MAX_CRASHES, Phase};
use roost_journal::port::Message;
use roost_schemas::Timestamp;
use roost_schemas::event::{Cause, ExitStatus, SandboxEvent};
use roost_schemas::output::Frame;
use roost_schemas::{CommandId, SandboxId};

use crate::world::{World, accepted, create, eventually, exec, id, message, owner};

/// A command that makes the host look at its clock, and far in the future panics over nothing.
fn with_deadline(id: &str) -> Message {
    let mut message = message(id, &exec("echo", &["x"]));
    message.deadline = Some(Timestamp(u64::MAX));
    message
}

pub(crate) async fn crash(world: &World, sandbox: &SandboxId, times: u32) {
    world.host_clock.panic(1);
    let id = CommandId::random();
    world.publish(sandbox, &with_deadline(id.as_str())).await;
    world
        .until(sandbox, |view| (view.state.crashes >= times).then_some(()))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_a_replay_and_no_vm() {
    let world = World::new().await;
    let (sandbox, other) = (world.running("s1").await, world.running("s2").await);
    crash(&world, &sandbox, 1).await;
    accepted(world.ask(&other, &exec("echo", &[])).await);
    let process = world.exec(&sandbox, "echo", &["still", "here"]).await;
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(&frames[..], [Frame::Data { .. }, Frame::End { .. }]),
        "{frames:?}"
    );
    assert_eq!(world.script.count("boot"), 2, "one for each sandbox");
    let events = world.events(&sandbox).await;
    let crashed = events.iter().find_map(|event| match event {
        SandboxEvent::ActorCrashed(crashed) => Some(crashed),
        _ => None,
    });
    assert_eq!(crashed.unwrap().message, "the clock was told to panic");
    world.kill(&sandbox).await;
    world.kill(&other).await;
    world.gone(&sandbox, Phase::Stopped).await;
    world.gone(&other, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn the_command_it_panicked_over_takes_effect_when_it_comes_again() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.host_clock.panic(1);
    accepted(world.ask_host(&sandbox, with_deadline("again")).await);
    assert_eq!(world.script.count("run"), 1);
    let kinds = world.kinds(&sandbox).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "process_started").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn programs_that_their_guest_has_forgotten_are_closed_and_their_output_ends() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    eventually("it runs", || world.script.count("run") == 1).await;
    world.machine.forget(&owner(&sandbox), &process);
    crash(&world, &sandbox, 1).await;
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
    let none = |view: &roost_domain::fleet::View<roost_domain::sandbox::Sandbox>| {
        (!view.state.processes.contains_key(&process)).then_some(())
    };
    world.until(&sandbox, none).await;
    // The command it panicked over comes again, and runs; the closed one does not.
    eventually("the other runs", || world.script.count("run") == 2).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_behind_the_end_of_an_output() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("run");
    let process = world.exec(&sandbox, "echo", &["too late"]).await;
    eventually("the guest is asked", || world.script.count("run") == 1).await;
    crash(&world, &sandbox, 1).await;
    world.output(&sandbox, &process).await;
    world.script.release("run");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let frames = world.output(&sandbox, &process).await;
    assert!(matches!(frames[..], [Frame::End { .. }]), "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_panics_too_often_loses_its_sandbox() {
    let world = World::new().await;
    let (sandbox, other) = (world.running("s1").await, world.running("s2").await);
    let process = world.exec(&sandbox, "sleep", &[]).await;
    // So that the crash itself closes the program, and nobody who carries it.
    world.script.hold("adopt");
    for times in 1..=MAX_CRASHES + 1 {
        crash(&world, &sandbox, times).await;
    }
    world.script.release("adopt");
    world.gone(&sandbox, Phase::Lost).await;
    let events = world.events(&sandbox).await;
    assert!(
        matches!(events.last(), Some(SandboxEvent::Lost(lost)) if lost.cause == Cause::ActorCrashed),
        "{events:?}"
    );
    let frames = world.output(&sandbox, &process).await;
    assert!(matches!(frames[..], [Frame::End { .. }]), "{frames:?}");
    assert!(world.machine.runs(&owner(&other)));
    world.exec(&other, "echo", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn commands_that_come_while_it_rests_wait_for_it() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    // The crash cannot be recorded, so it rests until then.
    world.trouble.cut(true);
    world.host_clock.panic(1);
    world.publish(&sandbox, &with_deadline("crash")).await;
    eventually("the actor is gone", || world.actors() == 0).await;
    let command = exec("echo", &[]);
    let (reply, ()) = tokio::join!(world.ask(&sandbox, &command), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(world.actors(), 0, "no command starts it before its time");
        world.trouble.cut(false);
    });
    accepted(reply);
    assert_eq!(
        world
            .kinds(&sandbox)
            .await
            .iter()
            .filter(|kind| *kind == "actor_crashed")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_boots_boots_it_again() {
    let world = World::new().await;
    world.script.hold("boot");
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    eventually("it boots", || world.script.count("boot") == 1).await;
    crash(&world, &sandbox, 1).await;
    world.script.release("boot");
    world.phase(&sandbox, Phase::Running).await;
    assert!(world.machine.runs(&owner(&sandbox)));
    let failed = world.kinds(&sandbox).await.contains(&"start_failed".to_owned());
    assert!(!failed, "what a former life has begun is not counted");
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_stops_does_not_keep_it_from_stopping() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("destroy");
    world.kill(&sandbox).await;
    eventually("it is torn down", || world.script.count("destroy") == 1).await;
    crash(&world, &sandbox, 1).await;
    world.script.release("destroy");
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_a_sandbox_that_is_not_there_leaves_no_trace() {
    let world = World::new().await;
    let sandbox = id("nobody");
    world.host_clock.panic(1);
    world.publish(&sandbox, &with_deadline("stray")).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(world.events(&sandbox).await.is_empty());
    eventually("its actor retires", || world.actors() == 0).await;
    world.running("nobody").await;
}

#[tokio::test(start_paused = true)]
async fn what_everybody_panics_over_is_tried_again_later() {
    let world = World::new().await;
    let sandbox = id("s1");
    // The actor that folds the log, who is to record that, and the actor again.
    world.script.panic("read", 3);
    let begin = tokio::time::Instant::now();
    accepted(world.ask(&sandbox, &create()).await);
    world.phase(&sandbox, Phase::Running).await;
    assert!(
        begin.elapsed() >= Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        world.kinds(&sandbox).await[2..],
        ["actor_crashed", "starting", "running"]
    );
    world.exec(&sandbox, "echo", &[]).await;
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}
