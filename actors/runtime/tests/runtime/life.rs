//! A sandbox's whole life.

use roost_domain::sandbox::Phase;
use roost_schemas::event::{ExitStatus, SandboxEvent};
use roost_schemas::output::{Channel, Frame};

use crate::world::{World, accepted, create, id, kill, owner};

#[tokio::test(start_paused = true)]
async fn a_sandbox_is_created_used_and_killed() {
    let world = World::new().await;
    let sandbox = id("s1");
    let reply = accepted(world.ask(&sandbox, &create()).await);
    assert_eq!(reply.state, "placed");
    world.phase(&sandbox, Phase::Running).await;
    assert!(world.machine.runs(&owner(&sandbox)));

    let echo = world.exec(&sandbox, "echo", &["hello", "world"]).await;
    let frames = world.output(&sandbox, &echo).await;
    let [
        data,
        Frame::End {
            status,
            stdout_bytes,
            stderr_bytes,
            sequence,
            ..
        },
    ] = &frames[..]
    else {
        panic!("{frames:?}")
    };
    let expected = Frame::Data {
        channel: Channel::Stdout,
        offset: 0,
        data: b"hello world\n".to_vec(),
    };
    assert_eq!(*data, expected);
    assert_eq!(*status, ExitStatus::Exited { code: 0 });
    assert_eq!((*stdout_bytes, *stderr_bytes), (12, 0));
    assert_eq!(
        sequence.0,
        world.head().await,
        "the end is told after the log has it"
    );

    let reply = accepted(world.ask(&sandbox, &kill()).await);
    assert_eq!(reply.state, "stopping");
    world.gone(&sandbox, Phase::Stopped).await;
    assert_eq!(
        world.kinds(&sandbox).await,
        [
            "requested",
            "placed",
            "starting",
            "running",
            "process_started",
            "process_exited",
            "stopping",
            "stopped"
        ]
    );
    let events = world.events(&sandbox).await;
    let exited = events.iter().find_map(|event| match event {
        SandboxEvent::ProcessExited(exited) => Some(exited),
        _ => None,
    });
    let exited = exited.unwrap();
    assert_eq!((&exited.process, exited.stdout_bytes), (&echo, 12));
    assert!(world.machine.holders().is_empty());
    assert_eq!(world.actors(), 0, "an actor without work is not kept");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_fails_or_is_missing_says_so() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    for (cmd, expected) in [
        ("false", ExitStatus::Exited { code: 1 }),
        (
            "nonsense",
            ExitStatus::NotStarted {
                reason: "nonsense: not found".to_owned(),
            },
        ),
    ] {
        let process = world.exec(&sandbox, cmd, &[]).await;
        let frames = world.output(&sandbox, &process).await;
        let [Frame::End { status, .. }] = &frames[..] else {
            panic!("{frames:?}")
        };
        assert_eq!(*status, expected);
    }
    world.phase(&sandbox, Phase::Running).await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_take_a_program_ends_it_as_unknown() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.machine.fail("run", 1);
    let process = world.exec(&sandbox, "echo", &["x"]).await;
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(
            &frames[..],
            [Frame::End {
                status: ExitStatus::Unknown { .. },
                ..
            }]
        ),
        "{frames:?}"
    );
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_the_programs_that_run_and_their_output() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &["infinity"]).await;
    world.kill(&sandbox).await;
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(
            &frames[..],
            [Frame::End {
                status: ExitStatus::Unknown { .. },
                ..
            }]
        ),
        "{frames:?}"
    );
    world.gone(&sandbox, Phase::Stopped).await;
    let exits = world
        .kinds(&sandbox)
        .await
        .iter()
        .filter(|kind| *kind == "process_exited")
        .count();
    assert_eq!(exits, 1);
}

#[tokio::test(start_paused = true)]
async fn killing_twice_is_killing_once() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    tokio::join!(world.kill(&sandbox), world.kill(&sandbox));
    world.gone(&sandbox, Phase::Stopped).await;
    let head = world.head().await;
    assert_eq!(accepted(world.ask(&sandbox, &kill()).await).state, "stopped");
    assert_eq!(world.head().await, head);
    world.gone(&sandbox, Phase::Stopped).await;
}
