//! Pausing and resuming, when all goes well, and when somebody ends the sandbox meanwhile.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_schemas::command::SandboxCommand;
use roost_schemas::event::{PauseReason, SandboxEvent};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::reply::Code;
use roost_schemas::spec::OnTimeout;

use crate::pause_faults::PAUSE;
use crate::world::{World, accepted, create, eventually, exec, id, owner, pause, rejected, resume};

#[tokio::test(start_paused = true)]
async fn a_paused_sandbox_holds_nothing_and_runs_again_when_it_is_resumed() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let first = world.paused(&sandbox).await;
    assert!(world.machine.sealed().contains(&first.id));
    assert!(world.machine.drafts().is_empty());
    let (code, _) = rejected(world.ask(&sandbox, &exec("echo", &[])).await);
    assert_eq!(code, Code::InvalidState);
    let vm = world.resumed(&sandbox).await;
    assert_eq!(vm.generation.0, 2);
    assert!(world.machine.moves(&vm) && world.machine.is_open(&vm));
    assert_eq!(world.machine.policy(&vm), Some(NetworkPolicy::default()));
    assert_eq!(
        world.now(&sandbox).running.unwrap().restored_from,
        Some(first.id.clone())
    );
    let echo = world.exec(&sandbox, "echo", &["on"]).await;
    assert_eq!(world.output(&sandbox, &echo).await.len(), 2);
    let second = world.paused(&sandbox).await;
    assert!(second.id != first.id && second.sources == 2, "{second:?}");
    assert_eq!(
        world.kinds(&sandbox).await[2..],
        [
            "starting",
            "running",
            "pausing",
            "paused",
            "placed",
            "resuming",
            "running",
            "process_started",
            "process_exited",
            "pausing",
            "paused"
        ]
    );
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn its_end_is_no_loss_and_it_is_watched_again_after_the_resume() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.paused(&sandbox).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.now(&sandbox).phase, Phase::Paused);
    let vm = world.resumed(&sandbox).await;
    world.machine.crash_engine(&vm);
    world.gone(&sandbox, Phase::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_pause_held_is_freed_before_it_is_resumed_and_after_a_kill() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.machine.fail("destroy", 3);
    accepted(world.ask(&sandbox, &pause()).await);
    world.phase(&sandbox, Phase::Paused).await;
    let vm = world.resumed(&sandbox).await;
    assert_eq!(world.machine.holders().into_iter().collect::<Vec<_>>(), [vm]);
    accepted(world.ask(&sandbox, &pause()).await);
    world.phase(&sandbox, Phase::Paused).await;
    world.machine.fail("release", 2);
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_pauses_who_wishes_it() {
    let world = World::new().await;
    let SandboxCommand::Create(mut wanted) = create() else {
        unreachable!()
    };
    wanted.spec.timeout_sec = 10;
    wanted.spec.on_timeout = OnTimeout::Pause;
    let sandbox = id("s1");
    world.running_by("s1", &SandboxCommand::Create(wanted)).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    let timed_out = SandboxCommand::Pause(roost_schemas::command::Pause {
        reason: PauseReason::TimedOut,
        due: world.now(&sandbox).expires_at,
    });
    accepted(world.ask(&sandbox, &timed_out).await);
    world.phase(&sandbox, Phase::Paused).await;
    let events = world.events(&sandbox).await;
    let reasons = events.iter().filter_map(|event| match event {
        SandboxEvent::Pausing(pausing) => Some(pausing.reason),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [PauseReason::TimedOut]);
    world.resumed(&sandbox).await;
    assert!(world.now(&sandbox).expires_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_pause_wherever_it_is() {
    for step in PAUSE {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.hold(step);
        accepted(world.ask(&sandbox, &pause()).await);
        eventually(step, || world.script.count(step) > 0).await;
        world.kill(&sandbox).await;
        world.script.release(step);
        world.gone(&sandbox, Phase::Stopped).await;
        eventually("no draft is left", || world.machine.drafts().is_empty()).await;
        let kinds = world.kinds(&sandbox).await;
        assert!(!kinds.contains(&"paused".to_owned()), "{step}: {kinds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_pause_whose_guest_is_silent() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("quiesce");
    accepted(world.ask(&sandbox, &pause()).await);
    eventually("it comes to rest", || world.script.count("quiesce") == 1).await;
    world.kill(&sandbox).await;
    // The guest never answers.
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_ends_while_it_is_paused_is_lost() {
    for step in PAUSE {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.hold(step);
        accepted(world.ask(&sandbox, &pause()).await);
        eventually(step, || world.script.count(step) > 0).await;
        world.machine.crash_engine(&owner(&sandbox));
        world.phase(&sandbox, Phase::Lost).await;
        world.script.release(step);
        world.gone(&sandbox, Phase::Lost).await;
        assert!(world.machine.drafts().is_empty(), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_resume_wherever_it_is() {
    for step in crate::resume::STEPS {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.paused(&sandbox).await;
        let before = world.script.count(step);
        world.script.hold(step);
        accepted(world.ask(&sandbox, &resume()).await);
        eventually(step, || world.script.count(step) > before).await;
        world.kill(&sandbox).await;
        world.script.release(step);
        world.gone(&sandbox, Phase::Stopped).await;
    }
}
