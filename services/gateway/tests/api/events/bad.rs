//! Requests and messages that no stream takes.

use futures::SinkExt;
use roost_gateway::Limits;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::reader::{open, try_open};
use crate::client::KEY;
use crate::ports::stage::listening;
use crate::world::{World, limits};

#[tokio::test]
async fn a_client_that_talks_is_refused() {
    let world = World::new().await;
    let address = listening(&world).await;
    for message in [Message::text("hello"), Message::binary(vec![0; 1 << 20])] {
        let mut reader = open(address, "/v1/events?type=lost").await;
        // It may be closed before all of it is sent.
        let _ = reader.0.send(message).await;
        let (end, code) = reader.end().await;
        assert_eq!((&end["data"]["code"], code), (&json!("refused"), 1008), "{end}");
    }
}

#[tokio::test]
async fn a_flood_of_pings_ends_the_stream() {
    let world = World::new().await;
    let address = listening(&world).await;
    let mut reader = open(address, "/v1/events?type=lost").await;
    for _ in 0..200 {
        if reader.0.send(Message::Ping(vec![0; 125].into())).await.is_err() {
            break;
        }
    }
    let (end, code) = reader.end().await;
    assert_eq!((&end["data"]["code"], code), (&json!("refused"), 1008), "{end}");
}

#[tokio::test]
async fn what_is_asked_amiss_is_told_before_the_stream() {
    let world = World::new().await;
    let address = listening(&world).await;
    for (path, status, word) in [
        ("/v1/events?after=soon", 400, "soon"),
        ("/v1/events?after=1000000", 409, "1000000"),
        ("/v1/events?type=RUNNING", 400, "RUNNING"),
        ("/v1/events?colour=red", 400, "colour"),
        ("/v1/sandboxes/nosuch/events", 404, "nosuch"),
        ("/v1/events?tenant=nosuch", 404, "nosuch"),
    ] {
        let (found, body) = try_open(address, path, KEY).await.err().unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(found == status && message.contains(word), "{path}: {body}");
        let page = world.get(path).send().await;
        assert_eq!(page.status, status, "{path}");
    }
    let (status, _) = try_open(address, "/v1/events", "forged").await.err().unwrap();
    assert_eq!(status, 401);
    let half = world
        .get("/v1/events")
        .header("Upgrade", "websocket")
        .send()
        .await;
    assert!(half.error(400, "invalid_request").contains("handshake"));
}

#[tokio::test]
async fn a_tenant_has_so_many_streams() {
    let world = World::with(Limits {
        event_streams_each: 1,
        ..limits()
    })
    .await;
    let address = listening(&world).await;
    let _first = open(address, "/v1/events").await;
    let (status, body) = try_open(address, "/v1/events", KEY).await.err().unwrap();
    assert_eq!((status, &body["error"]["code"]), (429, &json!("limit_exceeded")));
    world.get("/v1/events").send().await.ok(200);
}
