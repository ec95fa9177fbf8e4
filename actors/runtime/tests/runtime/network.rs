//! A sandbox's network policy: set at the boot, and carried out anew when it changes or the host was away.

use std::time::Duration;

use roost_schemas::SandboxId;
use roost_schemas::command::{SandboxCommand, SetNetwork};
use roost_schemas::network::NetworkPolicy;

use crate::world::{World, accepted, eventually, owner};

fn closed() -> NetworkPolicy {
    NetworkPolicy {
        internet: false,
        ..NetworkPolicy::default()
    }
}

async fn set(world: &World, sandbox: &SandboxId, policy: &NetworkPolicy) {
    let policy = policy.clone();
    let command = SandboxCommand::SetNetwork(SetNetwork { policy });
    accepted(world.ask(sandbox, &command).await);
}

async fn carried_out(world: &World, sandbox: &SandboxId, policy: &NetworkPolicy) {
    eventually("the slot carries it out", || {
        world.machine.policy(&owner(sandbox)).as_ref() == Some(policy)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_last_policy_that_was_set_is_carried_out() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    carried_out(&world, &sandbox, &NetworkPolicy::default()).await;
    set(&world, &sandbox, &closed()).await;
    carried_out(&world, &sandbox, &closed()).await;
    assert_eq!(world.script.count("apply"), 2, "at the boot, and when it changed");

    // Changed again while the change before is under way.
    world.script.hold("apply");
    set(&world, &sandbox, &NetworkPolicy::default()).await;
    let other = NetworkPolicy {
        public: false,
        ..closed()
    };
    set(&world, &sandbox, &other).await;
    world.script.release("apply");
    carried_out(&world, &sandbox, &other).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_carried_out_is_tried_until_it_is() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.machine.fail("apply", 5);
    world.script.panic("apply", 1);
    set(&world, &sandbox, &closed()).await;
    carried_out(&world, &sandbox, &closed()).await;
    // An end does not wait for it.
    world.machine.fail("apply", u32::MAX);
    set(&world, &sandbox, &NetworkPolicy::default()).await;
    world.kill(&sandbox).await;
    world.gone(&sandbox, roost_domain::sandbox::Phase::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_host_carries_it_out_again() {
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    world.script.hold("apply");
    set(&world, &sandbox, &closed()).await;
    world.kill_host().await;
    world.script.release("apply");
    assert_eq!(
        world.machine.policy(&owner(&sandbox)),
        Some(NetworkPolicy::default())
    );
    world.start_host().await;
    carried_out(&world, &sandbox, &closed()).await;
    let applied = world.script.count("apply");
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.script.count("apply"), applied, "and no more than once");
}
