//! Logs that are not as they should be.

use roost_schemas::event::{HostEvent, SandboxEvent};

use crate::world::{World, folded, host, sandbox};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_log_is_told_as_such() {
    let world = World::with(3).await;
    let said = world.roost("verify", &[]).well();
    assert!(
        said.contains("10 commits up to sequence 10, 3 sandboxes, 0 templates, 1 hosts"),
        "{said}"
    );
    assert_eq!(folded(&said), folded(&world.roost("verify", &[]).well()));
    World::empty().await.roost("verify", &[]).well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_with_its_place_and_the_rest_is_read() {
    let world = World::with(1).await;
    // A host's event on a sandbox's subject.
    world.commit(&sandbox("bad"), 0, HostEvent::Drained).await;
    world
        .by_hand("roost.evt.default.sandbox.s9", &[], b"by hand")
        .await;
    world
        .by_hand("roost.evt.default.widget.w1", &[], b"of no kind")
        .await;
    // Stored, but as another command than it says.
    world
        .by_hand(
            "roost.evt.system.host.h7",
            &[("Nats-Msg-Id", "other")],
            HOST_DRAINED,
        )
        .await;
    let said = world.roost("verify", &[]).badly();
    for problem in [
        "problem: 5 on roost.evt.default.sandbox.bad: ",
        "problem: message 6 on roost.evt.default.sandbox.s9 is not a commit of ours",
        "problem: message 7 on roost.evt.default.widget.w1 is not a commit of ours",
        "problem: 8 on roost.evt.system.host.h7 says that it is of the command c1, its header that it is of other",
        "4 problems",
        "docs/log.md",
    ] {
        assert!(said.contains(problem), "{problem} in {said}");
    }
    world.commit(&host("h3"), 0, HostEvent::Drained).await;
    let after = world.roost("verify", &[]).badly();
    assert_ne!(folded(&said), folded(&after), "what comes after is folded");
}

/// A commit as it stands in the log, of the command `c1`.
const HOST_DRAINED: &[u8] = b"\x85\xaacommand_id\xa2c1\xaeschema_version\x01\xa2at\x01\xa9principal\xa4test\xa6events\x91\x81\xa4type\xa7drained";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_command_twice_on_a_subject_is_told() {
    let world = World::with(0).await;
    let mut server = world.server;
    let conf = roost_journal::testing::NATS_CONF;
    let subject = sandbox("twice").to_string();
    let commit = roost_schemas::commit::Commit {
        command_id: roost_schemas::CommandId::new("c1").unwrap(),
        schema_version: roost_schemas::commit::SCHEMA_VERSION,
        at: roost_schemas::Timestamp(1),
        principal: "test".to_owned(),
        events: vec![SandboxEvent::Stopped],
    };
    drop(world.log);
    // A server that forgets what it has seen is how it could come about.
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let mut stream = context.get_stream("EVENTS").await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.duplicate_window = std::time::Duration::from_millis(100);
    context.update_stream(config.clone()).await.unwrap();
    for _ in 0..2 {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", "c1");
        let payload = commit.encode().into();
        let publish = context
            .publish_with_headers(subject.clone(), headers, payload)
            .await;
        publish.unwrap().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    config.duplicate_window = std::time::Duration::from_mins(2);
    context.update_stream(config).await.unwrap();
    server.restart_with(conf);
    let said = crate::world::roost(&["log", "verify", "--nats", &server.url()]).badly();
    assert!(said.contains("is the second commit of the command c1"), "{said}");
}
