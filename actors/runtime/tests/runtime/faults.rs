//! A log that loses answers, or is away for a while: what was asked happens in the end, and once.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_journal::memory::Fault;
use roost_schemas::{CommandId, ProcessId};

use crate::world::{World, accepted, create, eventually, exec, id, message, owner};

/// Longer than an outage after which everything has been tried in vain at least once.
const OUTAGE: Duration = Duration::from_mins(2);

#[tokio::test(start_paused = true)]
async fn a_message_lost_on_the_way_changes_nothing() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let world = World::new().await;
        // Whatever a step of the life appends is lost at the first try.
        for nth in 0..6 {
            world.memory.journal().inject(fault);
            let sandbox = world.running(&format!("s{nth}")).await;
            world.memory.journal().inject(fault);
            let process = world.exec(&sandbox, "echo", &["x"]).await;
            world.memory.journal().inject(fault);
            assert_eq!(world.output(&sandbox, &process).await.len(), 2);
            world.memory.journal().inject(fault);
            world.kill(&sandbox).await;
            world.gone(&sandbox, Phase::Stopped).await;
            assert_eq!(world.kinds(&sandbox).await.len(), 8, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn commands_and_reports_that_met_a_silent_log_come_again() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = ProcessId::from_command(&sandbox, &CommandId::new("k1").unwrap());
    world.trouble.cut(true);
    let command = exec("echo", &["x"]);
    let (reply, ()) = tokio::join!(world.ask_as("k1", &sandbox, &command), async {
        tokio::time::sleep(OUTAGE).await;
        assert_eq!(
            world.script.count("run"),
            0,
            "what is not in the log does not run"
        );
        world.trouble.cut(false);
    });
    accepted(reply);
    assert_eq!(world.output(&sandbox, &process).await.len(), 2);
    assert_eq!(world.script.count("run"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_seems_lost_and_is_not_runs_its_program_once() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.trouble.mute(1);
    world
        .publish(&sandbox, &message("k1", &exec("echo", &["one"])))
        .await;
    eventually("it is stored", || world.trouble.appends() > 0).await;
    // The next command finds the first one's commit before it, and folds it in without having asked for it.
    world.exec(&sandbox, "echo", &["two"]).await;
    let process = ProcessId::from_command(&sandbox, &CommandId::new("k1").unwrap());
    assert_eq!(
        world.output(&sandbox, &process).await.len(),
        2,
        "it was run for all that"
    );
    assert_eq!(world.script.count("run"), 2);
    world
        .until(&sandbox, |view| view.state.processes.is_empty().then_some(()))
        .await;
}

#[tokio::test(start_paused = true)]
async fn every_report_is_told_until_the_log_has_it() {
    for report in ["started", "start_failed", "exited", "lost", "stopped"] {
        let world = World::new().await;
        let sandbox = id("s1");
        if report == "start_failed" {
            world.machine.fail("greet", 1);
        }
        world.script.hold("greet");
        accepted(world.ask(&sandbox, &create()).await);
        eventually("the guest is greeted", || world.script.count("greet") == 1).await;
        let outage = async {
            let before = world.trouble.appends();
            world.trouble.cut(true);
            world.script.release("greet");
            world.script.release("run");
            world.script.release("destroy");
            eventually("it is told in vain", || world.trouble.appends() > before + 3).await;
            tokio::time::sleep(OUTAGE).await;
            world.trouble.cut(false);
        };
        if report.starts_with("start") {
            outage.await;
        } else {
            world.script.release("greet");
            world.phase(&sandbox, Phase::Running).await;
            world.script.hold("run");
            world.script.hold("destroy");
            world.exec(&sandbox, "echo", &[]).await;
            match report {
                "lost" => world.machine.crash_engine(&owner(&sandbox)),
                "stopped" => world.kill(&sandbox).await,
                _ => {}
            }
            outage.await;
        }
        match report {
            "lost" => world.gone(&sandbox, Phase::Lost).await,
            "stopped" => world.gone(&sandbox, Phase::Stopped).await,
            _ => {
                world.phase(&sandbox, Phase::Running).await;
                world.kill(&sandbox).await;
                world.gone(&sandbox, Phase::Stopped).await;
            }
        }
        let kinds = world.kinds(&sandbox).await;
        for kind in ["running", "start_failed", "process_exited", "lost", "stopped"] {
            assert!(
                kinds.iter().filter(|found| *found == kind).count() <= 1,
                "{report}: {kinds:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_starts_beside_a_silent_log_waits_for_it() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.kill_host().await;
    world.script.hold("adopt");
    world.start_host().await;
    eventually("it has folded the log", || world.script.count("adopt") == 1).await;
    world.machine.crash_engine(&owner(&sandbox));
    world.trouble.cut(true);
    let before = world.trouble.appends();
    world.script.release("adopt");
    eventually("the loss is told in vain", || {
        world.trouble.appends() > before + 3
    })
    .await;
    assert_eq!(
        world.script.count("adopt"),
        1,
        "what was seen is told again, not looked for again"
    );
    world.trouble.cut(false);
    world.gone(&sandbox, Phase::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn a_create_that_met_a_silent_log_is_placed_later() {
    let world = World::new().await;
    world.trouble.cut(true);
    let sandbox = id("s1");
    let command = create();
    let (reply, ()) = tokio::join!(world.ask(&sandbox, &command), async {
        tokio::time::sleep(OUTAGE).await;
        world.trouble.cut(false);
    });
    accepted(reply);
    world.phase(&sandbox, Phase::Running).await;
}
