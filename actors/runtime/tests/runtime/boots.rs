//! Boot snapshots: a template is booted once, and sandboxes are restored from it.

use std::time::Duration;

use roost_domain::sandbox::Phase;
use roost_runtime::memory::Machine;
use roost_schemas::SnapshotId;

use crate::world::{World, accepted, create, eventually, id, owner};

async fn keeping() -> World {
    let world = World::new().await;
    world.machine.keep_boots();
    world
}

fn boot(machine: &Machine) -> SnapshotId {
    let sealed = machine.sealed();
    let boot = sealed.iter().find(|id| id.as_str().starts_with("boot"));
    boot.expect("there is a boot snapshot").clone()
}

#[tokio::test(start_paused = true)]
async fn many_at_once_boot_the_template_once() {
    let world = keeping().await;
    world.script.hold("await");
    let names = ["s1", "s2", "s3", "s4"];
    for name in names {
        accepted(world.ask(&id(name), &create()).await);
    }
    eventually("it is booted", || world.script.count("await") == 1).await;
    world.script.release("await");
    for name in names {
        world.phase(&id(name), Phase::Running).await;
        assert!(world.machine.moves(&owner(&id(name))));
        let running = world.now(&id(name)).running.unwrap();
        assert_eq!(running.restored_from, Some(boot(&world.machine)));
    }
    assert_eq!(world.script.count("boot"), 1);
    let holders = world.machine.holders();
    assert_eq!(
        holders.len(),
        names.len(),
        "nothing of the builder is left: {holders:?}"
    );
    // What is stored of a pause is what differs from the boot.
    assert_eq!(world.paused(&id("s1")).await.sources, 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_is_let_alone_for_a_while_and_sandboxes_boot() {
    for step in [
        "claim", "create", "boot", "await", "quiesce", "pause", "draft", "dump", "collect", "seal",
    ] {
        let world = keeping().await;
        world.machine.fail(step, 1);
        world.running("s1").await;
        assert!(
            world.now(&id("s1")).running.unwrap().restored_from.is_none(),
            "{step}"
        );
        assert!(world.machine.sealed().is_empty() && world.machine.drafts().is_empty());
        assert_eq!(world.machine.holders().len(), 1, "{step}");
        let attempts = world.script.count("claim");
        world.running("s2").await;
        assert_eq!(
            world.script.count("claim"),
            attempts + 1,
            "{step}: it is not tried again"
        );
        tokio::time::sleep(Duration::from_secs(61)).await;
        world.running("s3").await;
        assert!(
            world.now(&id("s3")).running.unwrap().restored_from.is_some(),
            "{step}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_is_made_leaves_nothing_of_it() {
    let world = keeping().await;
    world.script.panic("await", 1);
    world.running("s1").await;
    assert_eq!(world.machine.holders().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_killed_while_it_is_made_leaves_the_making_to_the_next() {
    let world = keeping().await;
    world.script.hold("await");
    for name in ["s1", "s2"] {
        accepted(world.ask(&id(name), &create()).await);
    }
    eventually("it is booted", || world.script.count("await") == 1).await;
    world.kill(&id("s1")).await;
    world.kill(&id("s2")).await;
    world.gone(&id("s1"), Phase::Stopped).await;
    world.gone(&id("s2"), Phase::Stopped).await;
    world.script.release("await");
    eventually("nothing is left", || world.machine.holders().is_empty()).await;
    world.running("s3").await;
    assert!(world.now(&id("s3")).running.unwrap().restored_from.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_over_it_begins_anew() {
    let mut world = keeping().await;
    world.script.hold("seal");
    accepted(world.ask(&id("s1"), &create()).await);
    eventually("it is sealed", || world.script.count("seal") == 1).await;
    world.kill_host().await;
    world.script.release("seal");
    world.start_host().await;
    world.phase(&id("s1"), Phase::Running).await;
    assert!(world.now(&id("s1")).running.unwrap().restored_from.is_some());
    assert_eq!(world.machine.holders().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_one_is_made_anew() {
    let world = keeping().await;
    world.running("s1").await;
    world.machine.damage(&boot(&world.machine));
    accepted(world.ask(&id("s2"), &create()).await);
    world.phase(&id("s2"), Phase::Running).await;
    assert!(!world.kinds(&id("s2")).await.contains(&"start_failed".to_owned()));
    assert!(world.machine.moves(&owner(&id("s2"))));
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_up_keeps_nobody_from_booting() {
    let world = keeping().await;
    world.running("s1").await;
    world.machine.fail("restore", u32::MAX);
    let sandbox = world.running("s2").await;
    assert!(world.now(&sandbox).running.unwrap().restored_from.is_none());
    let kinds = world.kinds(&sandbox).await;
    let failed = kinds.iter().filter(|kind| *kind == "start_failed").count();
    assert_eq!(failed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_anywhere_is_tried_again() {
    for step in crate::resume::STEPS {
        let world = keeping().await;
        world.running("s1").await;
        world.machine.fail(step, 1);
        world.running("s2").await;
        assert!(world.machine.moves(&owner(&id("s2"))), "{step}");
        assert_eq!(world.machine.holders().len(), 2, "{step}");
    }
}
