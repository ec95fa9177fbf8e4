//! Programs that commands started, across pauses and restarts of their host: their output has no gap and nothing twice.

use roost_domain::sandbox::Phase;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Frame;
use roost_schemas::{Owner, ProcessId, SandboxId};

use crate::world::{World, accepted, eventually, exec, owner, pause};

/// A program that runs and has written `text`, which has been relayed.
async fn writing(world: &World, sandbox: &SandboxId, text: &str) -> ProcessId {
    let runs = world.script.count("run") + 1;
    let process = world.exec(sandbox, "sleep", &[]).await;
    eventually("it runs", || world.script.count("run") == runs).await;
    world.machine.write(&world.holder(sandbox), &process, text);
    relayed(world, sandbox, &process, text.len()).await;
    process
}

/// Waits until `bytes` of the output are there.
async fn relayed(world: &World, sandbox: &SandboxId, process: &ProcessId, bytes: usize) {
    use roost_journal::port::OutputLog;
    let subject = roost_schemas::subject::OutputSubject {
        tenant: crate::world::tenant(),
        sandbox: sandbox.clone(),
        process: process.clone(),
    };
    loop {
        let frames = world.memory.output().stored(&subject).await.unwrap();
        if text(&frames).len() >= bytes {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// What was written, which must be without gaps.
fn text(frames: &[Frame]) -> String {
    let mut all = Vec::new();
    for frame in frames {
        if let Frame::Data { offset, data, .. } = frame {
            assert_eq!(*offset, all.len() as u64, "{frames:?}");
            all.extend(data);
        }
    }
    String::from_utf8(all).unwrap()
}

async fn ends(world: &World, sandbox: &SandboxId, process: &ProcessId, all: &str, code: i32) {
    let frames = world.output(sandbox, process).await;
    assert_eq!(text(&frames), all);
    let Some(Frame::End {
        status, stdout_bytes, ..
    }) = frames.last()
    else {
        panic!("{frames:?}")
    };
    assert_eq!(
        (status, *stdout_bytes),
        (&ExitStatus::Exited { code }, all.len() as u64)
    );
}

#[tokio::test(start_paused = true)]
async fn a_program_lives_through_pauses_of_its_sandbox() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = writing(&world, &sandbox, "one ").await;
    world.paused(&sandbox).await;
    let vm = world.resumed(&sandbox).await;
    world.machine.write(&vm, &process, "two ");
    relayed(&world, &sandbox, &process, 8).await;
    world.paused(&sandbox).await;
    let vm = world.resumed(&sandbox).await;
    world.machine.write(&vm, &process, "three");
    world.machine.finish(&vm, &process, 3);
    ends(&world, &sandbox, &process, "one two three", 3).await;
    assert_eq!(world.script.count("run"), 1);
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_it_wrote_and_how_it_ended_just_before_is_told_after_the_resume() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = writing(&world, &sandbox, "one ").await;
    // The carrier has let go, the guest runs still.
    world.script.hold("quiesce");
    accepted(world.ask(&sandbox, &pause()).await);
    eventually("it comes to rest", || world.script.count("quiesce") == 1).await;
    world.machine.write(&owner(&sandbox), &process, "two");
    world.machine.finish(&owner(&sandbox), &process, 0);
    world.script.release("quiesce");
    world.phase(&sandbox, Phase::Paused).await;
    assert!(world.now(&sandbox).processes.contains_key(&process));
    world.freed(&sandbox).await;
    world.resumed(&sandbox).await;
    ends(&world, &sandbox, &process, "one two", 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_lives_through_a_pause_that_fails() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = writing(&world, &sandbox, "one ").await;
    world.machine.fail("seal", 1);
    accepted(world.ask(&sandbox, &pause()).await);
    world
        .until(&sandbox, |view| view.state.cause.is_some().then_some(()))
        .await;
    world.machine.write(&owner(&sandbox), &process, "two");
    world.machine.finish(&owner(&sandbox), &process, 0);
    ends(&world, &sandbox, &process, "one two", 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_lives_through_restarts_of_its_host_running_and_paused() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = writing(&world, &sandbox, "one ").await;
    world.kill_host().await;
    world.machine.write(&owner(&sandbox), &process, "two ");
    world.start_host().await;
    relayed(&world, &sandbox, &process, 8).await;
    world.paused(&sandbox).await;
    world.kill_host().await;
    world.start_host().await;
    let vm: Owner = world.resumed(&sandbox).await;
    world.machine.write(&vm, &process, "three");
    world.machine.finish(&vm, &process, 0);
    ends(&world, &sandbox, &process, "one two three", 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_could_not_be_begun_before_the_pause_is_begun_once() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    // Its guest has got the request, and the answer is lost with the connection.
    world.script.hold("run");
    let process = world.exec(&sandbox, "echo", &["x"]).await;
    eventually("it is asked for", || world.script.count("run") == 1).await;
    world.paused(&sandbox).await;
    world.script.release("run");
    world.resumed(&sandbox).await;
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
    assert_eq!(
        world.script.count("run"),
        1,
        "it may have run: it is not run again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_programs_own_time_stands_still_with_it() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let mut slow = exec("sleep", &[]);
    if let roost_schemas::command::SandboxCommand::Exec(exec) = &mut slow {
        exec.timeout_sec = 30;
    }
    accepted(world.ask_as("k1", &sandbox, &slow).await);
    let process = ProcessId::from_command(&sandbox, &roost_schemas::CommandId::new("k1").unwrap());
    world.paused(&sandbox).await;
    tokio::time::sleep(std::time::Duration::from_mins(5)).await;
    let vm = world.resumed(&sandbox).await;
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    world.machine.finish(&vm, &process, 0);
    ends(&world, &sandbox, &process, "", 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_of_what_is_paused_ends_its_programs_output() {
    for restart in [false, true] {
        let mut world = World::new().await;
        let sandbox = world.running("s1").await;
        let process = writing(&world, &sandbox, "one").await;
        world.paused(&sandbox).await;
        if restart {
            world.kill_host().await;
            world.start_host().await;
        }
        world.kill(&sandbox).await;
        world.gone(&sandbox, Phase::Stopped).await;
        let frames = world.output(&sandbox, &process).await;
        assert!(
            matches!(
                frames[..],
                [
                    Frame::Data { .. },
                    Frame::End {
                        status: ExitStatus::Unknown { .. },
                        ..
                    }
                ]
            ),
            "{frames:?}"
        );
    }
}
