//! A command takes effect once, however often it comes.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_runtime::port::Clock;
use roost_schemas::output::Frame;
use roost_schemas::reply::{Code, Reply};
use roost_schemas::{CommandId, ProcessId, SandboxId};

use crate::world::{World, accepted, create, eventually, exec, id, kill, message, owner, rejected};

async fn count(world: &World, sandbox: &SandboxId, kind: &str) -> usize {
    world
        .kinds(sandbox)
        .await
        .iter()
        .filter(|found| *found == kind)
        .count()
}

#[tokio::test(start_paused = true)]
async fn the_same_id_twice_gives_the_same_answer_and_one_run() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let echo = exec("echo", &["once"]);
    let (first, second) = tokio::join!(
        world.ask_as("k1", &sandbox, &echo),
        world.ask_as("k1", &sandbox, &echo)
    );
    let first = accepted(first);
    assert_eq!(accepted(second).sequence, first.sequence);
    let process = ProcessId::from_command(&sandbox, &CommandId::new("k1").unwrap());
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(&frames[..], [Frame::Data { .. }, Frame::End { .. }]),
        "{frames:?}"
    );
    let third = accepted(world.ask_as("k1", &sandbox, &echo).await);
    assert_eq!(third.sequence, first.sequence);
    assert_eq!(world.script.count("run"), 1);
    assert_eq!(count(&world, &sandbox, "process_started").await, 1);
}

/// Lets the program of command `k1` end once it is followed.
async fn finish(world: &World, sandbox: &SandboxId) {
    eventually("it is followed", || world.script.count("follow") == 1).await;
    let process = ProcessId::from_command(sandbox, &CommandId::new("k1").unwrap());
    world.machine.finish(&owner(sandbox), &process, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_host_recognises_what_it_has_done() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let sleep = exec("sleep", &[]);
    let first = accepted(world.ask_as("k1", &sandbox, &sleep).await);
    eventually("it runs", || world.script.count("run") == 1).await;
    world.kill_host().await;
    world.start_host().await;
    // At once, before the VM is found again, and once more when its program has ended.
    let again = accepted(world.ask_as("k1", &sandbox, &sleep).await);
    assert_eq!(again.sequence, first.sequence);
    finish(&world, &sandbox).await;
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
    let again = accepted(world.ask_as("k1", &sandbox, &sleep).await);
    assert_eq!(again.sequence, first.sequence);
    assert_eq!(
        world.script.count("run"),
        1,
        "what an earlier life may have begun is not begun again"
    );
    assert_eq!(count(&world, &sandbox, "process_started").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_comes_before_the_vm_is_found_again_runs_nothing() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let sleep = exec("sleep", &[]);
    accepted(world.ask_as("k1", &sandbox, &sleep).await);
    eventually("it runs", || world.script.count("run") == 1).await;
    world.kill_host().await;
    world.script.hold("adopt");
    world.start_host().await;
    accepted(world.ask_as("k1", &sandbox, &sleep).await);
    world.script.release("adopt");
    finish(&world, &sandbox).await;
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
    assert_eq!(world.script.count("run"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_repeated_is_one_sandbox() {
    let world = World::new().await;
    let sandbox = id("s1");
    let first = accepted(world.ask_as("c1", &sandbox, &create()).await);
    world.phase(&sandbox, Phase::Running).await;
    let second = accepted(world.ask_as("c1", &sandbox, &create()).await);
    assert_eq!(first.sequence, second.sequence);
    let (code, _) = rejected(world.ask_as("c2", &sandbox, &create()).await);
    assert_eq!(code, Code::Conflict);
    assert_eq!(world.script.count("boot"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_used_for_another_sandbox_is_a_conflict() {
    let world = World::new().await;
    let (one, two) = (world.running("s1").await, world.running("s2").await);
    accepted(world.ask_as("k1", &one, &exec("echo", &[])).await);
    let (code, message) = rejected(world.ask_as("k1", &two, &exec("echo", &[])).await);
    assert_eq!(code, Code::Conflict);
    assert!(message.contains("k1") && message.contains("s1"), "{message}");
    assert_eq!(count(&world, &two, "process_started").await, 0);
    let (code, _) = rejected(world.ask_as("k1", &id("s3"), &create()).await);
    assert_eq!(code, Code::Conflict);
}

#[tokio::test(start_paused = true)]
async fn what_was_done_in_time_is_not_late_when_it_comes_again() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let mut exec = message("k1", &exec("echo", &[]));
    exec.deadline = Some(world.clock.now().plus(Duration::from_mins(1)));
    let first = accepted(world.ask_host(&sandbox, exec.clone()).await);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let Reply::Accepted(second) = world.ask_host(&sandbox, exec.clone()).await else {
        panic!("it took effect")
    };
    assert_eq!(first.sequence, second.sequence);
    exec.command_id = CommandId::new("k2").unwrap();
    let (code, _) = rejected(world.ask_host(&sandbox, exec).await);
    assert_eq!(code, Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_before_it_answers_answers_in_its_next_life() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    // The first kill is stored and seems not to be; the host dies over it.
    world.trouble.mute(1);
    world.publish(&sandbox, &message("k1", &kill())).await;
    world.phase(&sandbox, Phase::Stopping).await;
    world.kill_host().await;
    world.start_host().await;
    world.gone(&sandbox, Phase::Stopped).await;
    assert_eq!(count(&world, &sandbox, "stopping").await, 1);
    accepted(world.ask_as("k1", &sandbox, &kill()).await);
}
