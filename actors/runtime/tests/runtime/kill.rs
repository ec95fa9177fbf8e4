//! Kills at awkward moments.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use tokio::time::Instant;

use crate::world::{World, accepted, create, eventually, id, kill, message};

#[tokio::test(start_paused = true)]
async fn a_kill_does_not_wait_for_a_guest_that_never_answers() {
    let world = World::new().await;
    world.machine.hang_greetings();
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    eventually("the guest is greeted", || world.script.count("greet") == 1).await;
    let begin = Instant::now();
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(world.kinds(&sandbox).await[3..], ["stopping", "stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_that_waited_beside_the_start_is_obeyed() {
    let mut world = World::new().await;
    world.kill_host().await;
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    world.publish(&sandbox, &message("k", &kill())).await;
    world.start_host().await;
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_during_any_step_leaves_nothing() {
    for step in ["claim", "create", "boot", "greet"] {
        let world = World::new().await;
        world.script.hold(step);
        let sandbox = id("s1");
        accepted(world.ask(&sandbox, &create()).await);
        eventually("the step has begun", || world.script.count(step) == 1).await;
        world.kill(&sandbox).await;
        world.script.release(step);
        world.gone(&sandbox, Phase::Stopped).await;
        assert_eq!(
            world.kinds(&sandbox).await[3..],
            ["stopping", "stopped"],
            "{step}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_two_tries_ends_the_waiting() {
    let world = World::new().await;
    world.machine.fail("boot", u32::MAX);
    let sandbox = id("s1");
    accepted(world.ask(&sandbox, &create()).await);
    world
        .until(&sandbox, |view| (view.state.failed_starts == 2).then_some(()))
        .await;
    let begin = Instant::now();
    world.kill(&sandbox).await;
    world.gone(&sandbox, Phase::Stopped).await;
    assert!(
        begin.elapsed() < Duration::from_millis(400),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(world.script.count("boot"), 2);
}
