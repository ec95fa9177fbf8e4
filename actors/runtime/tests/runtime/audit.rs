//! Programs that clients start through a sandbox's agent: in the log before they run, and until they have ended.

use std::time::Duration;

use roost_domain::sandbox::{MAX_PROCESSES, Phase};
use roost_schemas::audit::{Ended, Fact, Starting, Verdict};
use roost_schemas::event::{ExitStatus, ProcessOrigin, SandboxEvent};
use roost_schemas::{ProcessId, SandboxId};

use crate::world::{World, eventually, owner};

const RECORDED: Option<Verdict> = Some(Verdict::Recorded);

fn starting(process: &str) -> Fact {
    Fact::Starting(Starting {
        process: ProcessId::new(process).unwrap(),
        cmd: "/bin/bash".to_owned(),
        args: vec!["-l".to_owned()],
        cwd: "/home/user".to_owned(),
        user: "user".to_owned(),
        timeout_sec: None,
        pty: true,
        tag: Some("shell".to_owned()),
    })
}

fn ended(process: &str) -> Fact {
    Fact::Ended(Ended {
        process: ProcessId::new(process).unwrap(),
        status: ExitStatus::Exited { code: 3 },
        duration_ms: 5,
        stdout_bytes: 6,
        stderr_bytes: 7,
    })
}

/// Lets the guest tell `fact`, and waits for the answer.
async fn told(world: &World, sandbox: &SandboxId, fact: Fact) -> Verdict {
    let number = world.machine.tell_host(&owner(sandbox), fact);
    answer(world, sandbox, number).await
}

async fn answer(world: &World, sandbox: &SandboxId, number: u64) -> Verdict {
    let owner = owner(sandbox);
    eventually("it is answered", || {
        world.machine.verdict(&owner, number).is_some()
    })
    .await;
    world.machine.verdict(&owner, number).unwrap()
}

/// The programs that the log says were started, and those it says have ended.
async fn programs(world: &World, sandbox: &SandboxId) -> (Vec<String>, Vec<(String, ExitStatus)>) {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for event in world.events(sandbox).await {
        match event {
            SandboxEvent::ProcessStarted(started) => starts.push(started.process.to_string()),
            SandboxEvent::ProcessExited(exited) => ends.push((exited.process.to_string(), exited.status)),
            _ => {}
        }
    }
    (starts, ends)
}

#[tokio::test(start_paused = true)]
async fn a_start_and_its_end_are_recorded_as_the_guest_tells_them() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    assert_eq!(told(&world, &sandbox, starting("a1")).await, Verdict::Recorded);
    let events = world.events(&sandbox).await;
    let Some(SandboxEvent::ProcessStarted(started)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!((started.origin, started.pty), (ProcessOrigin::Agent, true));
    assert_eq!(
        (
            started.cmd.as_str(),
            started.user.as_deref(),
            started.tag.as_deref()
        ),
        ("/bin/bash", Some("user"), Some("shell"))
    );
    assert_eq!(told(&world, &sandbox, ended("a1")).await, Verdict::Recorded);
    let events = world.events(&sandbox).await;
    let Some(SandboxEvent::ProcessExited(exited)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(exited.status, ExitStatus::Exited { code: 3 });
    assert_eq!(
        (exited.duration_ms, exited.stdout_bytes, exited.stderr_bytes),
        (5, 6, 7)
    );
}

#[tokio::test(start_paused = true)]
async fn one_too_many_is_refused_until_another_has_ended() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    for n in 0..MAX_PROCESSES {
        world
            .machine
            .tell_host(&owner(&sandbox), starting(&format!("a{n}")));
    }
    let Verdict::Refused(reason) = told(&world, &sandbox, starting("more")).await else {
        panic!("it was recorded")
    };
    assert!(reason.contains("1024 processes running already"), "{reason}");
    told(&world, &sandbox, ended("a0")).await;
    assert_eq!(told(&world, &sandbox, starting("more")).await, Verdict::Recorded);
}

#[tokio::test(start_paused = true)]
async fn a_host_killed_between_the_record_and_the_answer_records_it_once() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.trouble.mute(1);
    let number = world.machine.tell_host(&owner(&sandbox), starting("a1"));
    world
        .until(&sandbox, |view| (view.state.processes.len() == 1).then_some(()))
        .await;
    world.kill_host().await;
    assert_eq!(world.machine.verdict(&owner(&sandbox), number), None);
    world.start_host().await;
    assert_eq!(answer(&world, &sandbox, number).await, Verdict::Recorded);
    assert_eq!(programs(&world, &sandbox).await, (vec!["a1".to_owned()], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_silent_log_delays_the_start_and_loses_nothing() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.trouble.cut(true);
    let number = world.machine.tell_host(&owner(&sandbox), starting("a1"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.machine.verdict(&owner(&sandbox), number), None);
    // A connection that breaks meanwhile makes two of it, which count once.
    world.machine.break_audit(&owner(&sandbox));
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.trouble.cut(false);
    assert_eq!(answer(&world, &sandbox, number).await, Verdict::Recorded);
    told(&world, &sandbox, ended("a1")).await;
    let (starts, ends) = programs(&world, &sandbox).await;
    assert_eq!((starts.len(), ends.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_breaks_or_is_late_or_panics_is_taken_up_again() {
    let world = World::new().await;
    world.machine.fail("audit", 5);
    world.script.panic("audit", 1);
    let sandbox = world.running("s1").await;
    assert_eq!(told(&world, &sandbox, starting("a1")).await, Verdict::Recorded);
    world.machine.break_audit(&owner(&sandbox));
    assert_eq!(told(&world, &sandbox, starting("a2")).await, Verdict::Recorded);
    assert_eq!(world.script.count("audit"), 8);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_host_leaves_clients_programs_open_and_hears_their_end() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    told(&world, &sandbox, starting("a1")).await;
    let carried = world.exec(&sandbox, "sleep", &[]).await;
    world.kill_host().await;
    let number = world.machine.tell_host(&owner(&sandbox), ended("a1"));
    world.start_host().await;
    assert_eq!(answer(&world, &sandbox, number).await, Verdict::Recorded);
    eventually("the other is followed", || world.script.count("follow") == 1).await;
    world.machine.finish(&owner(&sandbox), &carried, 0);
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
    let (_, mut ends) = programs(&world, &sandbox).await;
    ends.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(ends[0], ("a1".to_owned(), ExitStatus::Exited { code: 3 }));
    assert_eq!(ends[1], (carried.to_string(), ExitStatus::Exited { code: 0 }));
}

#[tokio::test(start_paused = true)]
async fn what_a_command_started_is_not_the_guests_to_end() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    assert_eq!(
        told(&world, &sandbox, ended(process.as_str())).await,
        Verdict::Recorded
    );
    assert_eq!(told(&world, &sandbox, ended("never")).await, Verdict::Recorded);
    assert_eq!(programs(&world, &sandbox).await.1, []);
}

#[tokio::test(start_paused = true)]
async fn a_guests_endless_words_are_cut() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    told(&world, &sandbox, starting("a1")).await;
    let Fact::Ended(end) = ended("a1") else {
        unreachable!()
    };
    let wordy = Fact::Ended(Ended {
        status: ExitStatus::NotStarted {
            reason: "é".repeat(100_000),
        },
        ..end
    });
    told(&world, &sandbox, wordy).await;
    let (_, ends) = programs(&world, &sandbox).await;
    let ExitStatus::NotStarted { reason } = &ends[0].1 else {
        panic!("{ends:?}")
    };
    assert_eq!(reason.chars().count(), 2000);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_sandbox_closes_what_runs_and_nothing_starts_any_more() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    told(&world, &sandbox, starting("a1")).await;
    world.script.hold("destroy");
    world.kill(&sandbox).await;
    world.phase(&sandbox, Phase::Stopping).await;
    let number = world.machine.tell_host(&owner(&sandbox), starting("a2"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_ne!(world.machine.verdict(&owner(&sandbox), number), RECORDED);
    world.script.release("destroy");
    world.gone(&sandbox, Phase::Stopped).await;
    let (starts, ends) = programs(&world, &sandbox).await;
    assert_eq!(starts, ["a1"]);
    assert!(matches!(&ends[..], [(process, ExitStatus::Unknown { .. })] if process == "a1"));
}
