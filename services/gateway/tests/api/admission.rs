//! More than the gateway takes: refused at once, with the time to come again, and nothing else suffers.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use futures::stream;
use roost_gateway::Limits;
use roost_journal::port::{MAX_WAITING, Message};
use roost_schemas::command::ContentType;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, SandboxId, TenantId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::client::{Answer, KEY};
use crate::ports::stage::{Stage, head, listen, refused, send};
use crate::world::{LONG, World, limits, memory};

fn hanging() -> Value {
    json!({"template": "base", "metadata": {"script": "hangs"}})
}

/// Creates that wait for sandboxes which never run, one for each place there is.
async fn crowd(world: &World, places: usize) -> JoinSet<Answer> {
    let mut crowd = JoinSet::new();
    for _ in 0..places {
        crowd.spawn(world.create(&hanging()).send());
    }
    let all = world
        .ports
        .fleet
        .until(LONG, |fleet| (fleet.live().count() >= places).then_some(()));
    all.await.expect("all are under way");
    crowd
}

fn comes_again(answer: &Answer) {
    let after: u64 = answer.header("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&after), "{after}");
}

#[tokio::test]
async fn a_crowd_of_writes_leaves_reads_and_deletes_alone() {
    let world = World::with(Limits {
        writes: 3,
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    let crowd = crowd(&world, 3).await;

    let refused = world.create(&json!({"template": "base"})).send().await;
    let message = refused.error(429, "no_capacity");
    assert!(message.contains('3') && message.contains("writes"), "{message}");
    comes_again(&refused);
    let timeout = json!({"timeout_sec": 5});
    let other = world
        .post(&format!("/v1/sandboxes/{id}/timeout"), &timeout)
        .send()
        .await;
    other.error(429, "no_capacity");
    // In E2B's shape, which its SDKs read, where the route is E2B's.
    let theirs = world
        .post("/sandboxes", &json!({"templateID": "base"}))
        .send()
        .await;
    theirs.refused(429);
    comes_again(&theirs);

    world.get("/v1/sandboxes").send().await.ok(200);
    world.exec(&id, "echo").await.ok(200);
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
    drop(crowd);
    // Who goes away takes its place along.
    let free = async {
        while world.create(&json!({"template": "base"})).send().await.status != 201 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, free)
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn who_has_no_key_takes_no_room() {
    let world = World::with(Limits { reads: 0, ..limits() }).await;
    let stranger = world.get("/v1/sandboxes").without("X-API-Key").send().await;
    stranger.error(401, "unauthorized");
    world.get("/v1/sandboxes").send().await.error(429, "no_capacity");
    world.get("/sandboxes").send().await.refused(429);
    world.get("/health").send().await.ok(200);
}

#[tokio::test]
async fn who_reads_slowly_counts_until_the_end() {
    let world = World::with(Limits { reads: 1, ..limits() }).await;
    let list = Request::get("/v1/sandboxes")
        .header("X-API-Key", KEY)
        .body(Body::empty());
    let unread = world.app.clone().oneshot(list.unwrap()).await.unwrap();
    world.get("/v1/sandboxes").send().await.error(429, "no_capacity");
    drop(unread);
    world.get("/v1/sandboxes").send().await.ok(200);
}

#[tokio::test]
async fn agents_are_asked_by_so_many_at_a_time() {
    let world = World::with(Limits {
        guests: 0,
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    for (method, path) in [
        (Method::POST, "files/read"),
        (Method::POST, "files/write"),
        (Method::GET, "processes"),
        (Method::POST, "processes/p1/stdin"),
    ] {
        let answer = world
            .call(method, &format!("/v1/sandboxes/{id}/{path}"))
            .send()
            .await;
        answer.error(429, "no_capacity");
        comes_again(&answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_gives_its_place_back() {
    let world = World::with(Limits {
        writes: 1,
        ..limits()
    })
    .await;
    // A byte now and then: it is the whole that has to come in time.
    let drip = |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::convert::Infallible>(" "), ()))
    };
    for path in ["/v1/sandboxes", "/sandboxes"] {
        let body = Body::from_stream(stream::unfold((), drip));
        let slow = world.call(Method::POST, path).text(body);
        let answer = slow.send().await;
        assert_eq!(answer.status, 408, "{}", answer.text());
    }
    world.sandbox().await;
}

#[tokio::test]
async fn ports_are_asked_by_so_many_at_a_time_tunnels_among_them() {
    let bounds = Limits { ports: 1, ..limits() };
    let stage = Stage::within(bounds, json!({"template": "base"})).await;
    let port = listen((stage.guest, 0).into(), |mut stream| async move {
        head(&mut stream).await;
        let begun = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n";
        stream.write_all(begun).await.unwrap();
        // Until the other side goes.
        let _ = stream.read_u8().await;
    });
    let host = stage.name(port.await);
    let upgrade = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n");
    let mut tunnel = send(stage.address, &upgrade).await;
    assert!(head(&mut tunnel).await.starts_with("HTTP/1.1 101"));

    let answer = stage.get(&host, "/", "").await;
    let body = refused(&answer, 429);
    assert_eq!(body["sandboxId"], stage.id.as_str());
    assert!(answer.contains("retry-after: "), "{answer}");
    drop(tunnel);
    let free = async {
        while stage.get(&host, "/", "").await.starts_with("HTTP/1.1 429") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, free)
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn a_queue_that_is_full_is_told_with_the_time_to_come_again() {
    let world = World::over(memory().await, limits(), None);
    let key = CommandId::new("k1").unwrap();
    let tenant = TenantId::new("default").unwrap();
    let subject = CommandSubject {
        sandbox: SandboxId::from_command(&tenant, &key),
        tenant,
        route: Route::Any,
    };
    for n in 0..MAX_WAITING {
        let message = Message {
            command_id: CommandId::new(format!("flood-{n}")).unwrap(),
            principal: "test".to_owned(),
            deadline: None,
            reply: None,
            trace: None,
            content: ContentType::Json,
            body: "{}".into(),
        };
        world.ports.queue.publish(&subject, &message).await.unwrap();
    }
    let ours = world.create(&json!({"template": "base"})).key("k1").send().await;
    let message = ours.error(503, "unavailable");
    assert!(message.contains("full"), "{message}");
    comes_again(&ours);
    let theirs = world.post("/sandboxes", &json!({"templateID": "base"})).key("k1");
    let theirs = theirs.send().await;
    theirs.refused(503);
    comes_again(&theirs);
}
