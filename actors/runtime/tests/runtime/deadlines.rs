//! Ends of time: never early, once, whatever is done to clocks and to the reconciler.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_runtime::memory::Kept;
use roost_runtime::reconciler::TICK;
use roost_schemas::SandboxId;
use tokio::time::Instant;

use crate::world::control::{living_for, reconciler, reconciler_that_keeps};
use crate::world::{World, accepted, id};

const HOUR_MS: i64 = 3_600_000;
/// How long the sandboxes here may live.
const LIFE: Duration = Duration::from_mins(5);

/// One that has just come to run.
async fn running(world: &World) -> (SandboxId, Instant) {
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &living_for(300)).await);
    world.phase(&sandbox, Phase::Running).await;
    (sandbox, Instant::now())
}

/// Waits for its end, which is neither early nor late.
async fn ends_in_time(world: &World, sandbox: &SandboxId, began: Instant) {
    world.gone(sandbox, Phase::Stopped).await;
    let lived = began.elapsed();
    let early = lived + Duration::from_millis(100) < LIFE;
    assert!(!early && lived <= LIFE + 3 * TICK, "{lived:?}");
    let kinds = world.kinds(sandbox).await;
    assert_eq!(kinds[4..], ["stopping", "stopped"], "once");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_or_back_moves_no_end() {
    for by_ms in [HOUR_MS, -HOUR_MS] {
        let world = World::new().await;
        let _reconciler = reconciler(&world).await;
        let (sandbox, began) = running(&world).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        world.clock.set(by_ms);
        ends_in_time(&world, &sandbox, began).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_while_the_reconciler_is_away_moves_no_end() {
    for by_ms in [HOUR_MS, -HOUR_MS] {
        let world = World::new().await;
        let keep = Arc::new(Kept::default());
        let first = reconciler_that_keeps(&world, Arc::clone(&keep)).await;
        let (sandbox, began) = running(&world).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        first.stop_and_wait(None, None).await.unwrap();
        world.clock.set(by_ms);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let _second = reconciler_that_keeps(&world, keep).await;
        ends_in_time(&world, &sandbox, began).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_began_before_the_clock_was_set_and_was_seen_after_does_not_end_early() {
    let world = World::new().await;
    let keep = Arc::new(Kept::default());
    let first = reconciler_that_keeps(&world, Arc::clone(&keep)).await;
    tokio::time::sleep(2 * TICK).await;
    first.stop_and_wait(None, None).await.unwrap();
    let (sandbox, began) = running(&world).await;
    world.clock.set(HOUR_MS);
    let _second = reconciler_that_keeps(&world, keep).await;
    ends_in_time(&world, &sandbox, began).await;
}

#[tokio::test(start_paused = true)]
async fn one_whose_time_was_over_while_the_reconciler_was_away_ends_when_it_is_back() {
    let world = World::new().await;
    let keep = Arc::new(Kept::default());
    let first = reconciler_that_keeps(&world, Arc::clone(&keep)).await;
    let (sandbox, _) = running(&world).await;
    tokio::time::sleep(2 * TICK).await;
    first.stop_and_wait(None, None).await.unwrap();
    // A clock that was set back does not give it that time again.
    world.clock.set(-HOUR_MS);
    tokio::time::sleep(LIFE).await;
    world.phase(&sandbox, Phase::Running).await;
    let back = Instant::now();
    let _second = reconciler_that_keeps(&world, keep).await;
    world.gone(&sandbox, Phase::Stopped).await;
    assert!(back.elapsed() <= 2 * TICK, "{:?}", back.elapsed());
}

#[tokio::test(start_paused = true)]
async fn however_often_the_reconciler_and_the_host_begin_anew_it_ends_once_and_in_time() {
    let mut world = World::new().await;
    let keep = Arc::new(Kept::default());
    let (sandbox, began) = running(&world).await;
    for round in 0..20 {
        let life = reconciler_that_keeps(&world, Arc::clone(&keep)).await;
        tokio::time::sleep(Duration::from_secs(14)).await;
        world.clock.set(if round % 2 == 0 { HOUR_MS } else { -HOUR_MS });
        life.stop_and_wait(None, None).await.unwrap();
        if round % 5 == 4 {
            world.kill_host().await;
            world.start_host().await;
        }
    }
    let _last = reconciler_that_keeps(&world, keep).await;
    ends_in_time(&world, &sandbox, began).await;
}
