//! A commit that cannot be read stops the sandbox that it is of, and nothing else.

use bytes::Bytes;
use roost_journal::port::{Append, Journal};
use roost_schemas::reply::Code;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, SandboxId, Sequence};

use crate::world::{World, accepted, exec, kill, owner, rejected, resume, tenant};

/// Appends what no release has written; answers where it stands, when the fleet has come to it.
async fn poison(world: &World, sandbox: &SandboxId) -> Sequence {
    let subject = EventSubject::sandbox(tenant(), sandbox.clone());
    let last = world
        .fleet
        .read(|fleet| fleet.sandbox(&tenant(), sandbox).unwrap().sequence);
    let appended = world
        .memory
        .journal()
        .append(&subject, last, &CommandId::random(), Bytes::from_static(b"\xc1"))
        .await;
    let Append::Stored(sequence) = appended.unwrap() else {
        panic!("somebody else wrote")
    };
    assert!(
        world
            .fleet
            .wait_for(sequence, std::time::Duration::from_secs(10))
            .await
    );
    sequence
}

#[tokio::test(start_paused = true)]
async fn its_commands_are_answered_with_the_reason_and_others_go_on() {
    let mut world = World::new().await;
    let (poisoned, other) = (world.running("s1").await, world.running("s2").await);
    let sequence = poison(&world, &poisoned).await;
    for restarted in [false, true] {
        if restarted {
            world.kill_host().await;
            world.start_host().await;
        }
        for command in [kill(), exec("echo", &[]), resume()] {
            let (code, message) = rejected(world.ask(&poisoned, &command).await);
            assert_eq!(code, Code::Unavailable);
            assert!(
                message.contains(&format!("at sequence {sequence}: ")),
                "{message}"
            );
        }
        let process = world.exec(&other, "echo", &["on"]).await;
        assert_eq!(world.output(&other, &process).await.len(), 2);
        let third = world.running(if restarted { "s4" } else { "s3" }).await;
        accepted(world.ask(&third, &kill()).await);
        assert!(world.machine.runs(&owner(&poisoned)), "it is left alone");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_it_may_need_is_destroyed() {
    let mut world = World::new().await;
    let (poisoned, other) = (world.running("s1").await, world.running("s2").await);
    world.paused(&other).await;
    poison(&world, &poisoned).await;
    let kept = world.machine.sealed();
    assert!(!kept.is_empty());
    // Its end is in the log, so what it was paused as is of no use to it.
    world.kill(&other).await;
    world.kill_host().await;
    world.start_host().await;
    tokio::time::sleep(std::time::Duration::from_mins(2)).await;
    assert!(world.machine.runs(&owner(&poisoned)));
    assert_eq!(
        world.machine.sealed(),
        kept,
        "the unread commit may refer to any of them"
    );
}
