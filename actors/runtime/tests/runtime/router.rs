//! Placing and forwarding.

use bytes::Bytes;
use roost_domain::sandbox::Phase;
use roost_schemas::TemplateName;
use roost_schemas::command::{ContentType, SandboxCommand};
use roost_schemas::event::{Placed, SandboxEvent};
use roost_schemas::reply::Code;
use roost_schemas::spec::MEMORY_MB;

use crate::world::{World, accepted, create, exec, host_id, id, kill, rejected};

fn create_with(change: impl FnOnce(&mut roost_schemas::command::Create)) -> SandboxCommand {
    let SandboxCommand::Create(mut create) = create() else {
        unreachable!()
    };
    change(&mut create);
    SandboxCommand::Create(create)
}

async fn placed(world: &World, name: &str) -> Placed {
    let events = world.events(&id(name)).await;
    let placed = events.into_iter().find_map(|event| match event {
        SandboxEvent::Placed(placed) => Some(placed),
        _ => None,
    });
    placed.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_template_nobody_has_is_refused_with_those_there_are() {
    let world = World::new().await;
    let command = create_with(|create| create.spec.template = TemplateName::new("windows").unwrap());
    let (code, sentence) = rejected(world.ask(&id("s1"), &command).await);
    assert_eq!(code, Code::NotFound);
    assert!(
        sentence.contains("windows") && sentence.contains("known are base"),
        "{sentence}"
    );
    assert!(world.events(&id("s1")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn before_any_host_has_come_nothing_can_be_placed() {
    let world = World::without_host().await;
    let (code, sentence) = rejected(world.ask(&id("s1"), &create()).await);
    assert_eq!(code, Code::NotFound);
    assert!(sentence.contains("no host has registered any yet"), "{sentence}");
}

#[tokio::test(start_paused = true)]
async fn a_host_is_filled_and_no_further() {
    let world = World::new().await;
    // Half of the host each.
    let half = create_with(|create| create.spec.memory_mb = Some(32 * 1024));
    accepted(world.ask(&id("s1"), &half).await);
    accepted(world.ask(&id("s2"), &half).await);
    let (code, sentence) = rejected(world.ask(&id("s3"), &half).await);
    assert_eq!(code, Code::NoCapacity);
    assert!(sentence.contains("32768 MiB"), "{sentence}");
    // What ends makes room.
    world.phase(&id("s1"), Phase::Running).await;
    world.kill(&id("s1")).await;
    world.gone(&id("s1"), Phase::Stopped).await;
    accepted(world.ask(&id("s3"), &half).await);
}

#[tokio::test(start_paused = true)]
async fn absurd_resources_are_refused() {
    let world = World::new().await;
    for (vcpus, memory_mb) in [
        (0, 128),
        (33, 128),
        (1, 0),
        (1, *MEMORY_MB.end() + 1),
        (u32::MAX, u32::MAX),
    ] {
        let command = create_with(|create| {
            (create.spec.vcpus, create.spec.memory_mb) = (Some(vcpus), Some(memory_mb));
        });
        let (code, _) = rejected(world.ask(&id("s1"), &command).await);
        assert_eq!(code, Code::InvalidRequest);
    }
    let command = create_with(|create| create.spec.timeout_sec = 0);
    assert_eq!(
        rejected(world.ask(&id("s1"), &command).await).0,
        Code::InvalidRequest
    );
    assert!(world.events(&id("s1")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sender_cannot_choose_the_host() {
    let world = World::new().await;
    let command = create_with(|create| {
        create.placement = Some(roost_schemas::command::Placement {
            host: roost_schemas::HostId::new("h9").unwrap(),
            resources: roost_schemas::spec::Resources {
                vcpus: 32,
                memory_mb: 1024,
            },
            from: None,
        });
    });
    accepted(world.ask(&id("s1"), &command).await);
    assert_eq!(placed(&world, "s1").await.host, host_id());
}

#[tokio::test(start_paused = true)]
async fn a_repeated_create_keeps_its_host_and_starts_once() {
    let world = World::new().await;
    let first = accepted(world.ask_as("c1", &id("s1"), &create()).await);
    let again = accepted(world.ask_as("c1", &id("s1"), &create()).await);
    assert_eq!(first, again);
    world.phase(&id("s1"), Phase::Running).await;
    world.kill(&id("s1")).await;
    world.gone(&id("s1"), Phase::Stopped).await;
    // Its time is over: the same create again does not bring it back.
    let again = accepted(world.ask_as("c1", &id("s1"), &create()).await);
    assert_eq!(again, first, "it is answered as the first time");
    tokio::time::sleep(std::time::Duration::from_mins(5)).await;
    accepted(world.ask_as("c1", &id("s1"), &create()).await);
    world.gone(&id("s1"), Phase::Stopped).await;
    assert_eq!(world.script.count("boot"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_names_no_host_is_forwarded_to_the_owner() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let reply = accepted(world.ask(&sandbox, &exec("echo", &[])).await);
    assert_eq!(reply.state, "running");
}

#[tokio::test(start_paused = true)]
async fn a_kill_right_after_the_create_finds_the_sandbox() {
    let world = World::new().await;
    for n in 0..20 {
        let sandbox = id(&format!("s{n}"));
        let (created, killed) = (create(), kill());
        // Both wait in the queue before the first is routed.
        let (created, killed) = tokio::join!(world.ask(&sandbox, &created), world.ask(&sandbox, &killed));
        accepted(created);
        accepted(killed);
        world.gone(&sandbox, Phase::Stopped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_by_hand_may_be_json() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let mut message = crate::world::message("by-hand", &kill());
    message.content = ContentType::Json;
    message.body = Bytes::from_static(br#"{"type":"exec","cmd":"echo","args":["hi"]}"#);
    accepted(
        world
            .request(roost_schemas::subject::Route::Any, &sandbox, message)
            .await
            .unwrap(),
    );
    assert_eq!(world.kinds(&sandbox).await[4], "process_started");
}
