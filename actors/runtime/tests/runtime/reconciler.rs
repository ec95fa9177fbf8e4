//! What nobody asked for and must happen all the same.

use std::time::Duration;

use roost_domain::reconcile::START_PATIENCE;
use roost_domain::sandbox::Phase;
use roost_journal::port::Queue;
use roost_runtime::reconciler::TICK;
use roost_schemas::command::{SandboxCommand, SetTimeout};
use roost_schemas::event::{SandboxEvent, StopReason};
use tokio::time::Instant;

use crate::world::control::{living_for, reconciler};
use crate::world::{World, accepted, create, id};

#[tokio::test(start_paused = true)]
async fn a_sandbox_whose_time_is_over_is_killed_and_not_before() {
    let world = World::new().await;
    let _reconciler = reconciler(&world).await;
    let (sandbox, other) = (id("s1"), id("s2"));
    accepted(world.ask(&sandbox, &living_for(60)).await);
    accepted(world.ask(&other, &living_for(3600)).await);
    world.phase(&sandbox, Phase::Running).await;
    let begin = Instant::now();
    world.gone(&sandbox, Phase::Stopped).await;
    let lived = begin.elapsed();
    let due = Duration::from_mins(1);
    assert!(
        lived + Duration::from_millis(10) >= due && lived <= due + 2 * TICK,
        "{lived:?}"
    );
    let events = world.events(&sandbox).await;
    assert!(
        events
            .iter()
            .any(|event| matches!(event, SandboxEvent::Stopping(s) if s.reason == StopReason::TimedOut)),
        "{events:?}"
    );
    world.phase(&other, Phase::Running).await;
}

#[tokio::test(start_paused = true)]
async fn more_time_is_more_time() {
    let world = World::new().await;
    let _reconciler = reconciler(&world).await;
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &living_for(60)).await);
    world.phase(&sandbox, Phase::Running).await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    let more = SandboxCommand::SetTimeout(SetTimeout {
        timeout_sec: 100,
        extend: false,
    });
    accepted(world.ask(&sandbox, &more).await);
    tokio::time::sleep(Duration::from_secs(95)).await;
    world.phase(&sandbox, Phase::Running).await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_whose_host_was_away_when_its_time_was_over_is_killed_later() {
    let mut world = World::new().await;
    let _reconciler = reconciler(&world).await;
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &living_for(60)).await);
    world.phase(&sandbox, Phase::Running).await;
    world.kill_host().await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.start_host().await;
    world.gone(&sandbox, Phase::Stopped).await;
    assert_eq!(
        world.kinds(&sandbox).await[4..],
        ["stopping", "stopped"],
        "told often, done once"
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_was_lost_is_given_again() {
    let mut world = World::new().await;
    world.kill_host().await;
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    // The host's queue loses what is in it: somebody takes the command and says it is done.
    let route = roost_schemas::subject::Route::Host(crate::world::host_id());
    let mut deliveries = world.memory.queue().consume(&route).await.unwrap();
    let lost = futures::StreamExt::next(&mut deliveries).await.unwrap().unwrap();
    lost.settle.done().await.unwrap();
    drop(deliveries);
    world.start_host().await;
    let begin = Instant::now();
    let _reconciler = reconciler(&world).await;
    world.phase(&sandbox, Phase::Running).await;
    assert!(
        begin.elapsed() <= START_PATIENCE + 2 * TICK,
        "{:?}",
        begin.elapsed()
    );
}
