//! More than is taken: it stays in the queue, or is refused, and the sandbox beside it does not notice.

use std::time::Duration;

use bytes::Bytes;
use roost_journal::port::{Journal, Queue, QueueError};
use roost_schemas::audit::{Ended, Fact, Starting, Verdict};
use roost_schemas::event::ExitStatus;
use roost_schemas::reply::{Code, Reply};
use roost_schemas::subject::{EventSubject, Route};
use roost_schemas::{CommandId, ProcessId, SandboxId, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::world::{World, eventually, exec, host_id, message, owner, tenant};

/// Lets nobody read the commits of `sandbox` any more.
async fn spoil(world: &World, sandbox: &SandboxId) {
    let subject = EventSubject::sandbox(tenant(), sandbox.clone());
    let journal = world.memory.journal();
    let last = world.until(sandbox, |view| Some(view.sequence)).await;
    let garbage = Bytes::from_static(b"\xc1");
    let stored = journal
        .append(&subject, last, &CommandId::random(), garbage)
        .await;
    stored.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stuck_sandbox_fills_its_share_and_no_more() {
    let world = World::new().await;
    let (stuck, other) = (world.running("s1").await, world.running("s2").await);
    spoil(&world, &stuck).await;
    let head = world.head().await;
    let mut flood = JoinSet::new();
    for n in 0..600 {
        let queue = world.memory.queue();
        let subject = World::subject(Route::Host(host_id()), &stuck);
        let command = message(&format!("f{n}"), &exec("echo", &[]));
        flood.spawn(async move { queue.request(&subject, command, Duration::from_secs(20)).await });
    }
    let process = world.exec(&other, "echo", &["a"]).await;
    world.output(&other, &process).await;

    let (mut refused, mut waiting) = (0, 0);
    while let Some(answer) = flood.join_next().await {
        match answer.unwrap() {
            Ok(Reply::Rejected(rejected)) => {
                assert_eq!(rejected.code, Code::Unavailable);
                assert!(rejected.message.contains("s1"), "{}", rejected.message);
                refused += 1;
            }
            Err(QueueError::NoAnswer { .. }) => waiting += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused + waiting, 600);
    assert!(waiting <= 256, "{waiting} were let in");
    assert!(
        world.head().await > head,
        "the other sandbox's program is in the log"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_late_does_not_wait_for_a_log_that_nobody_reads() {
    let world = World::new().await;
    let stuck = world.running("s1").await;
    spoil(&world, &stuck).await;
    let late = |n: u32| {
        let mut message = message(&format!("late-{n}"), &exec("echo", &[]));
        message.deadline = Some(Timestamp(1));
        message
    };
    // One that finds out that it cannot be read, and those behind it.
    for n in 0..40 {
        match world.ask_host(&stuck, late(n)).await {
            Reply::Rejected(rejected) => assert_eq!(rejected.code, Code::DeadlineExceeded),
            Reply::Accepted(accepted) => panic!("{accepted:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_worked_off_when_the_log_is_back() {
    let world = World::new().await;
    let sandboxes: Vec<_> = [world.running("s1").await, world.running("s2").await].into();
    world.trouble.cut(true);
    for n in 0..100 {
        let command = message(&format!("f{n}"), &exec("echo", &[]));
        world.publish(&sandboxes[n % 2], &command).await;
    }
    tokio::time::sleep(Duration::from_mins(5)).await;
    world.trouble.cut(false);
    eventually("each has run once", || world.script.count("run") == 100).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(world.script.count("run"), 100);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_tells_without_end_has_to_wait() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let began = Instant::now();
    let mut last = 0;
    for n in 0..1000 {
        let process = ProcessId::new(format!("a{n}")).unwrap();
        let starting = Fact::Starting(Starting {
            process: process.clone(),
            cmd: "true".to_owned(),
            args: Vec::new(),
            cwd: "/".to_owned(),
            user: "user".to_owned(),
            timeout_sec: None,
            pty: false,
            tag: None,
        });
        let ended = Fact::Ended(Ended {
            process,
            status: ExitStatus::Exited { code: 0 },
            duration_ms: 1,
            stdout_bytes: 0,
            stderr_bytes: 0,
        });
        world.machine.tell_host(&owner(&sandbox), starting);
        last = world.machine.tell_host(&owner(&sandbox), ended);
    }
    // Its host's other business goes on meanwhile.
    let process = world.exec(&sandbox, "echo", &["a"]).await;
    world.output(&sandbox, &process).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    eventually("all is recorded", || {
        world.machine.verdict(&owner(&sandbox), last).is_some()
    })
    .await;
    assert_eq!(
        world.machine.verdict(&owner(&sandbox), last),
        Some(Verdict::Recorded)
    );
    let paced = Duration::from_millis(10) * (2000 - 512);
    assert!(began.elapsed() >= paced, "{:?}", began.elapsed());
}
