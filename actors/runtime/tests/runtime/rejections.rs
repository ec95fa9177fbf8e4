//! Commands that are refused: each with the right word, and without a trace.

use bytes::Bytes;
use roost_domain::sandbox::Phase;
use roost_schemas::CommandId;
use roost_schemas::command::{ContentType, MAX_BODY};
use roost_schemas::event::{Placed, SandboxEvent};
use roost_schemas::reply::Code;
use roost_schemas::{Generation, HostId, Sequence, Timestamp};

use crate::world::{World, create, eventually, exec, id, kill, message, rejected, start, tenant};

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_answered_and_not_recorded() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let head = world.head().await;
    let late = |mut message: roost_journal::port::Message| {
        message.deadline = Some(Timestamp(1));
        message
    };
    let body = |content, body: &[u8]| {
        let mut message = message("body", &kill());
        (message.content, message.body) = (content, Bytes::copy_from_slice(body));
        message
    };
    let reported = CommandId::report(&sandbox, Generation(1), "ended");
    let cases = [
        (late(message("late", &kill())), Code::DeadlineExceeded, "deadline"),
        (
            body(ContentType::Json, b"{\"type\":\"dance\"}"),
            Code::InvalidRequest,
            "dance",
        ),
        (
            body(ContentType::Json, b"not json"),
            Code::InvalidRequest,
            "decode",
        ),
        (
            body(ContentType::MessagePack, b"\xc1"),
            Code::InvalidRequest,
            "decode",
        ),
        (
            body(ContentType::MessagePack, b""),
            Code::InvalidRequest,
            "0 bytes",
        ),
        (message("create", &create()), Code::InvalidRequest, "any"),
        (message("stale", &start(0)), Code::InvalidState, "generation 0"),
        (message("future", &start(7)), Code::InvalidState, "generation 7"),
        (message("empty", &exec("", &[])), Code::InvalidRequest, "cmd"),
        (message(reported.as_str(), &kill()), Code::InvalidRequest, "@"),
    ];
    for (message, code, words) in cases {
        let (got, sentence) = rejected(world.ask_host(&sandbox, message.clone()).await);
        assert_eq!(got, code, "{sentence}");
        assert!(sentence.contains(words), "{sentence:?} has no {words:?}");
        // By way of the router it is the same, but for what only a router may take.
        if words != "any" {
            let routed = world
                .request(roost_schemas::subject::Route::Any, &sandbox, message)
                .await;
            assert_eq!(rejected(routed.unwrap()).0, code, "{words}");
        }
    }
    assert_eq!(world.head().await, head);
    world.phase(&sandbox, Phase::Running).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_too_large_is_refused_by_the_queue() {
    let world = World::new().await;
    let mut message = message("large", &kill());
    message.body = Bytes::from(vec![0; MAX_BODY + 1]);
    let refused = world
        .request(roost_schemas::subject::Route::Any, &id("s1"), message)
        .await;
    assert!(
        matches!(refused, Err(roost_journal::port::QueueError::Refused { .. })),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_is_not_there_is_not_found() {
    let world = World::new().await;
    let sandbox = id("nobody");
    for command in [kill(), exec("echo", &[]), start(1)] {
        let (code, sentence) = rejected(world.ask(&sandbox, &command).await);
        assert_eq!(code, Code::NotFound, "{sentence}");
        let direct = message(CommandId::random().as_str(), &command);
        let (code, sentence) = rejected(world.ask_host(&sandbox, direct).await);
        assert_eq!(code, Code::NotFound);
        assert!(sentence.contains("nobody"), "{sentence}");
    }
    eventually("no actor stays for it", || world.actors() == 0).await;
    assert!(world.events(&sandbox).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_of_another_host_is_not_here() {
    let world = World::new().await;
    world.stop_router();
    let sandbox = id("s1");
    elsewhere(&world, "s1").await;
    let head = world.head().await;
    for command in [kill(), exec("echo", &[]), start(1)] {
        let direct = message(CommandId::random().as_str(), &command);
        let (code, sentence) = rejected(world.ask_host(&sandbox, direct).await);
        assert_eq!(code, Code::InvalidState);
        assert!(sentence.contains("h2") && sentence.contains("h1"), "{sentence}");
    }
    // Not even a panic over it is recorded: it is not ours.
    world.script.panic("read", 1);
    world.publish(&sandbox, &message("crash", &kill())).await;
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    assert_eq!(world.head().await, head);
    eventually("no actor stays for it", || world.actors() == 0).await;
    assert_eq!(world.script.calls().len(), 0);
}

/// Lets the log say that `name` stands on another host.
async fn elsewhere(world: &World, name: &str) {
    use roost_journal::port::Journal;
    let roost_schemas::command::SandboxCommand::Create(create) = create() else {
        unreachable!()
    };
    let requested = roost_schemas::event::Requested {
        spec: create.spec,
        resources: roost_schemas::spec::Resources {
            vcpus: 1,
            memory_mb: 128,
        },
        from: None,
    };
    let placed = Placed {
        host: HostId::new("h2").unwrap(),
        generation: Generation(1),
    };
    let commit = roost_schemas::commit::Commit {
        command_id: CommandId::random(),
        schema_version: roost_schemas::commit::SCHEMA_VERSION,
        at: Timestamp(1),
        principal: "test".to_owned(),
        events: vec![SandboxEvent::Requested(requested), SandboxEvent::Placed(placed)],
    };
    let subject = roost_schemas::subject::EventSubject::sandbox(tenant(), id(name));
    let payload = Bytes::from(commit.encode());
    world
        .memory
        .journal()
        .append(&subject, Sequence(0), &commit.command_id, payload)
        .await
        .unwrap();
}
