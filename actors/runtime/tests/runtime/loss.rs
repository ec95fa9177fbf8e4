//! VMs that end unasked.

use roost_domain::sandbox::Phase;
use roost_schemas::event::{Cause, ExitStatus, SandboxEvent};
use roost_schemas::output::Frame;
use roost_schemas::reply::Code;

use crate::world::{World, eventually, exec, owner, rejected};

#[tokio::test(start_paused = true)]
async fn a_crashed_engine_loses_its_sandbox_and_closes_its_programs() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let other = world.running("s2").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    eventually("the program runs", || world.script.count("run") == 1).await;
    world.machine.crash_engine(&owner(&sandbox));
    world.gone(&sandbox, Phase::Lost).await;

    let events = world.events(&sandbox).await;
    let [.., SandboxEvent::ProcessExited(exited), SandboxEvent::Lost(lost)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(exited.process, process);
    assert!(matches!(exited.status, ExitStatus::Unknown { .. }));
    assert!(matches!(lost.cause, Cause::EngineExited { .. }), "{lost:?}");
    let frames = world.output(&sandbox, &process).await;
    assert!(matches!(
        frames[..],
        [Frame::End {
            status: ExitStatus::Unknown { .. },
            ..
        }]
    ));

    world.exec(&other, "echo", &[]).await;
    let (code, _) = rejected(world.ask(&sandbox, &exec("echo", &[])).await);
    assert_eq!(code, Code::InvalidState);
    world.gone(&sandbox, Phase::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_whose_end_is_told_after_its_sandbox_was_lost_ends_for_its_reader_as_the_log_says() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    eventually("the program runs", || world.script.count("run") == 1).await;
    let before = world.trouble.appends();
    world.trouble.cut(true);
    world.machine.finish(&owner(&sandbox), &process, 0);
    eventually("its end is told in vain", || world.trouble.appends() > before).await;
    world.trouble.cut(false);
    world.machine.crash_engine(&owner(&sandbox));
    world.gone(&sandbox, Phase::Lost).await;
    let events = world.events(&sandbox).await;
    let [.., SandboxEvent::ProcessExited(exited), SandboxEvent::Lost(_)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(matches!(exited.status, ExitStatus::Unknown { .. }), "{exited:?}");
    let frames = world.output(&sandbox, &process).await;
    let Some(Frame::End { status, .. }) = frames.last() else {
        panic!("{frames:?}")
    };
    assert!(matches!(status, ExitStatus::Unknown { .. }), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_while_its_sandbox_is_stopped_is_no_loss() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("destroy");
    world.kill(&sandbox).await;
    world.machine.crash_engine(&owner(&sandbox));
    eventually("the step has begun", || world.script.count("destroy") == 1).await;
    world.script.release("destroy");
    world.gone(&sandbox, Phase::Stopped).await;
    assert!(!world.kinds(&sandbox).await.contains(&"lost".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_between_the_greeting_and_the_record_is_noticed() {
    let world = World::new().await;
    // The report of the boot has to wait for the log; the engine does not.
    world.script.hold("greet");
    let sandbox = crate::world::id("s1");
    crate::world::accepted(world.ask(&sandbox, &crate::world::create()).await);
    eventually("the guest is greeted", || world.script.count("greet") == 1).await;
    world.trouble.cut(true);
    let before = world.trouble.appends();
    world.script.release("greet");
    eventually("the boot is reported in vain", || {
        world.trouble.appends() > before
    })
    .await;
    world.machine.crash_engine(&owner(&sandbox));
    world.trouble.cut(false);
    world.gone(&sandbox, Phase::Lost).await;
    assert_eq!(world.kinds(&sandbox).await[3..], ["running", "lost"]);
}
