//! Hosts that fall silent: what stands still, what is given up, and what runs again.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_runtime::host::{MARGIN, Over, TTL};
use roost_runtime::reconciler::TICK;
use roost_schemas::SandboxId;
use roost_schemas::command::SandboxCommand;
use roost_schemas::event::{Cause, SandboxEvent};
use roost_schemas::spec::OnHostDown;
use tokio::time::{Instant, sleep};

use crate::world::control::reconciler;
use crate::world::{World, accepted, create, eventually, host_id, id, owner, pause, take};

/// When a host that falls silent now is given up at the latest: it may have renewed its lease just now.
const GIVEN_UP: Duration = Duration::from_secs(TTL.as_secs() + MARGIN.as_secs() + 2 * TICK.as_secs() + 1);

impl World {
    async fn running_that_comes_back(&self, name: &str) -> SandboxId {
        let SandboxCommand::Create(mut create) = create() else {
            unreachable!()
        };
        create.spec.on_host_down = OnHostDown::Resume;
        let sandbox = id(name);
        accepted(self.ask(&sandbox, &SandboxCommand::Create(create)).await);
        self.phase(&sandbox, Phase::Running).await;
        sandbox
    }

    fn is_down(&self) -> bool {
        self.fleet.read(|fleet| {
            let mut hosts = fleet.hosts();
            hosts.any(|(host, view)| *host == host_id() && view.state.down.is_some())
        })
    }
}

fn cause(events: &[SandboxEvent]) -> Option<&Cause> {
    events.iter().find_map(|event| match event {
        SandboxEvent::Lost(lost) => Some(&lost.cause),
        SandboxEvent::Reverted(reverted) => Some(&reverted.cause),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_silent_stands_still_and_then_its_sandboxes_are_lost() {
    let mut world = World::leased().await;
    let _reconciler = reconciler(&world).await;
    let sandbox = world.running("s1").await;
    world.kill_host().await;
    let begin = Instant::now();
    while !world.machine.is_fenced() {
        world.phase(&sandbox, Phase::Running).await;
        sleep(Duration::from_millis(100)).await;
    }
    assert!(begin.elapsed() <= TTL, "{:?}", begin.elapsed());
    world.phase(&sandbox, Phase::Lost).await;
    assert!(begin.elapsed() <= GIVEN_UP, "{:?}", begin.elapsed());
    assert_eq!(cause(&world.events(&sandbox).await), Some(&Cause::HostDown));
    assert!(
        world.machine.runs(&owner(&sandbox)),
        "nobody is there to destroy it"
    );
    assert!(world.is_down());

    world.start_host().await;
    world.gone(&sandbox, Phase::Lost).await;
    assert!(!world.is_down());
    world.running("s2").await;
    assert_eq!(
        world
            .kinds(&sandbox)
            .await
            .iter()
            .filter(|kind| *kind == "lost")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_back_in_time_loses_nothing() {
    let mut world = World::leased().await;
    let _reconciler = reconciler(&world).await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "sleep", &[]).await;
    for _ in 0..3 {
        world.kill_host().await;
        sleep(TTL + Duration::from_secs(3)).await;
        assert!(world.machine.is_fenced());
        world
            .machine
            .write(&owner(&sandbox), &process, "behind the fence");
        world.start_host().await;
        eventually("it moves again", || world.machine.moves(&owner(&sandbox))).await;
    }
    world.machine.finish(&owner(&sandbox), &process, 0);
    let output = world.output(&sandbox, &process).await;
    assert!(
        !format!("{output:?}").contains("fence"),
        "nothing moves behind it: {output:?}"
    );
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_to_come_back_runs_again_as_it_was_sealed_last() {
    let mut world = World::leased().await;
    let _reconciler = reconciler(&world).await;
    let sandbox = world.running_that_comes_back("s1").await;
    accepted(world.ask(&sandbox, &take(None)).await);
    world
        .until(&sandbox, |view| (!view.state.snapshots.is_empty()).then_some(()))
        .await;
    let never_sealed = world.running_that_comes_back("s2").await;
    let asleep = world.running("s3").await;
    accepted(world.ask(&asleep, &pause()).await);
    world.phase(&asleep, Phase::Paused).await;
    world.kill_host().await;
    world.phase(&sandbox, Phase::Paused).await;
    assert_eq!(cause(&world.events(&sandbox).await), Some(&Cause::HostDown));
    world.phase(&never_sealed, Phase::Lost).await;
    sleep(Duration::from_mins(5)).await;
    world.phase(&sandbox, Phase::Paused).await;
    world.phase(&asleep, Phase::Paused).await;

    world.start_host().await;
    world.phase(&sandbox, Phase::Running).await;
    world.phase(&asleep, Phase::Paused).await;
    assert!(
        !world.machine.runs(&owner(&sandbox)),
        "the placement before is gone"
    );
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    world.gone(&never_sealed, Phase::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_cut_off_too_long_finds_its_tenure_over() {
    let mut world = World::leased().await;
    let _reconciler = reconciler(&world).await;
    let sandbox = world.running("s1").await;
    // Of all that it needs, only the leases are out of its reach.
    world.leases.away(true);
    world.phase(&sandbox, Phase::Lost).await;
    assert!(world.machine.is_fenced());
    world.leases.away(false);
    assert!(matches!(world.tenure_over().await, Over::Revoked { .. }));
    world.kill_host().await;
    world.start_host().await;
    world.gone(&sandbox, Phase::Lost).await;
    eventually("the fence opens", || !world.machine.is_fenced()).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_meets_a_closed_fence_is_done_when_it_opens() {
    let world = World::leased().await;
    let sandbox = world.running("s1").await;
    world.script.hold("dump");
    accepted(world.ask(&sandbox, &pause()).await);
    sleep(Duration::from_secs(1)).await;
    world.leases.away(true);
    sleep(2 * TTL).await;
    assert!(world.machine.is_fenced());
    world.script.release("dump");
    sleep(TTL).await;
    world.phase(&sandbox, Phase::Pausing).await;
    world.leases.away(false);
    world.phase(&sandbox, Phase::Paused).await;
    let kinds = world.kinds(&sandbox).await;
    assert!(!kinds.iter().any(|kind| kind == "pause_failed"), "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_meets_a_closed_fence_is_done_when_it_opens() {
    let world = World::leased().await;
    world.leases.away(true);
    sleep(2 * TTL).await;
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    sleep(Duration::from_mins(5)).await;
    world.phase(&sandbox, Phase::Starting).await;
    world.leases.away(false);
    world.phase(&sandbox, Phase::Running).await;
    assert_eq!(world.now(&sandbox).failed_starts, 0);
}
