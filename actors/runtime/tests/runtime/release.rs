//! Releases that do not succeed at once.

use roost_domain::sandbox::Phase;
use roost_schemas::Owner;

use crate::world::{World, eventually, owner};

#[tokio::test(start_paused = true)]
async fn what_cannot_be_released_is_tried_until_it_can() {
    for step in ["destroy", "remove", "release"] {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.machine.fail(step, 5);
        world.kill(&sandbox).await;
        eventually("it is tried", || world.script.count(step) == 3).await;
        assert!(!world.machine.holders().is_empty(), "{step}");
        world
            .until(&sandbox, |view| {
                (view.state.phase == Phase::Stopping).then_some(())
            })
            .await;
        world.gone(&sandbox, Phase::Stopped).await;
        assert_eq!(world.script.count(step), 6);
        let kinds = world.kinds(&sandbox).await;
        assert_eq!(kinds[4..], ["stopping", "stopped"], "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_part_is_released_whatever_becomes_of_the_others() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.machine.fail("remove", 1);
    world.kill(&sandbox).await;
    eventually("the engine is gone", || !world.machine.runs(&owner(&sandbox))).await;
    eventually("a round is over", || world.script.count("release") == 1).await;
    let slots = roost_runtime::port::Slots::owners(&world.machine).await.unwrap();
    assert_eq!(slots, Vec::<Owner>::new());
    world.gone(&sandbox, Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_release_that_panics_is_tried_again() {
    for step in ["destroy", "remove", "release"] {
        let world = World::new().await;
        let sandbox = world.running("s1").await;
        world.script.panic(step, 2);
        world.kill(&sandbox).await;
        world.gone(&sandbox, Phase::Stopped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_boot_could_not_undo_is_released_in_the_end() {
    let world = World::new().await;
    world.machine.fail("greet", u32::MAX);
    world.machine.fail("remove", 5);
    let sandbox = crate::world::id("s1");
    crate::world::accepted(world.ask(&sandbox, &crate::world::create()).await);
    world.gone(&sandbox, Phase::Failed).await;
}
