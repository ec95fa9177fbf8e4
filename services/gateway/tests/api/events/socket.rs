//! Events over a WebSocket.

use std::time::Duration;

use futures::SinkExt;
use roost_gateway::Limits;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::reader::{Writer, open, whole};
use crate::ports::stage::listening;
use crate::world::{World, limits};

#[tokio::test]
async fn what_happened_comes_first_and_what_happens_follows() {
    let world = World::new().await;
    let address = listening(&world).await;
    let id = world.sandbox().await;
    let path = format!("/v1/sandboxes/{id}/events");
    let mut reader = open(address, &path).await;
    let mut told = Vec::new();
    while told.last().is_none_or(|last: &Value| last["type"] != "running") {
        told.push(reader.event().await);
    }
    world.exec(&id, "echo").await.ok(200);
    while told
        .last()
        .is_none_or(|last: &Value| last["type"] != "process_exited")
    {
        told.push(reader.event().await);
    }
    let page = world.get(&path).send().await.ok(200);
    assert_eq!(
        page["events"],
        Value::Array(told),
        "a stream tells what a page shows"
    );
}

#[tokio::test]
async fn readers_that_come_at_any_time_get_everything_once() {
    let world = World::new().await;
    let address = listening(&world).await;
    let mut writer = Writer::new(&world.ports, "default", "s1");
    let first = writer.write(1).await;
    writer.write(500).await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        readers.push(open(address, "/v1/events?sandbox=s1").await);
        writer.write(100).await;
    }
    let last = writer.write(100).await;
    let expected: Vec<_> = (first..=last).collect();
    for reader in &mut readers {
        assert_eq!(whole(&reader.until(last).await), expected);
    }
    // Whoever has read half of it reads on from there.
    let middle = expected[expected.len() / 2];
    let mut reader = open(address, &format!("/v1/events?sandbox=s1&after={middle}")).await;
    assert_eq!(
        whole(&reader.until(last).await),
        expected[expected.len() / 2 + 1..]
    );
}

#[tokio::test]
async fn filters_leave_out_what_nobody_asked_for() {
    let world = World::new().await;
    let address = listening(&world).await;
    let labelled = json!({"template": "base", "metadata": {"owner": "ci"}});
    let mut by_type = open(address, "/v1/events?type=requested,running").await;
    let mut by_label = open(address, "/v1/events?metadata.owner=ci&type=running").await;
    let other = world.sandbox().await;
    let answer = world.create(&labelled).send().await.ok(201);
    let id = answer["id"].as_str().unwrap();
    let of = |event: &Value| {
        let subject = event["subject"].as_str().unwrap();
        let id = subject.rsplit('.').next().unwrap().to_owned();
        (id, event["type"].as_str().unwrap().to_owned())
    };
    for expected in [
        (other.as_str(), "requested"),
        (&other, "running"),
        (id, "requested"),
        (id, "running"),
    ] {
        let event = by_type.event().await;
        assert_eq!(of(&event), (expected.0.to_owned(), expected.1.to_owned()));
        assert!(
            event["more"].is_null(),
            "nothing more of its commit is told: {event}"
        );
    }
    assert_eq!(of(&by_label.event().await), (id.to_owned(), "running".to_owned()));
}

#[tokio::test]
async fn a_quiet_stream_says_how_far_it_has_come() {
    let world = World::with(Limits {
        heartbeat: Duration::from_millis(50),
        ..limits()
    })
    .await;
    let address = listening(&world).await;
    let mut reader = open(address, "/v1/events?type=lost").await;
    let last = Writer::new(&world.ports, "default", "s1").write(3).await;
    loop {
        let beat = reader.any().await.unwrap();
        assert_eq!(
            (&beat["type"], &beat["subject"]),
            (&json!("heartbeat"), &Value::Null)
        );
        if beat["sequence"].as_u64().unwrap() >= last {
            break;
        }
    }
    reader.0.send(Message::Ping("hello".into())).await.unwrap();
    loop {
        use futures::StreamExt;
        if let Message::Pong(payload) = reader.0.next().await.unwrap().unwrap() {
            assert_eq!(payload, "hello");
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_begins_at_a_time() {
    let world = World::new().await;
    let address = listening(&world).await;
    let mut writer = Writer::new(&world.ports, "default", "s1");
    writer.write(3).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let now = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let last = writer.write(2).await;
    let mut reader = open(address, &format!("/v1/events?after={now}")).await;
    assert_eq!(whole(&reader.until(last).await), [last - 1, last]);
}
