//! Reading what was written.

use std::time::Duration;

use roost_gateway::Limits;
use serde_json::json;

use crate::world::{World, limits};

#[tokio::test]
async fn a_read_waits_for_the_sequence_it_asks_for() {
    let world = World::new().await;
    let next = world.ports.journal.head().await.unwrap().0 + 1;
    let (read, created) = tokio::join!(
        world
            .get("/v1/sandboxes")
            .header("Roost-Min-Sequence", &next.to_string())
            .send(),
        world.create(&json!({"template": "base"})).send(),
    );
    created.ok(201);
    assert_eq!(read.ok(200)["sandboxes"].as_array().unwrap().len(), 1);
    assert!(read.sequence() >= next);
}

#[tokio::test]
async fn a_sequence_that_does_not_come_is_not_waited_for_for_ever() {
    let world = World::with(Limits {
        catch_up: Duration::from_millis(50),
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    let one = format!("/v1/sandboxes/{id}");
    for path in [
        "/v1/sandboxes",
        "/v1/templates",
        "/v1/hosts",
        &one,
        &format!("{one}/events"),
    ] {
        let answer = world.get(path).header("Roost-Min-Sequence", "1000").send().await;
        assert!(answer.error(503, "unavailable").contains("1000"));
        assert!(!answer.header("Retry-After").is_empty());
    }
}

#[tokio::test]
async fn a_sequence_that_is_no_number_is_refused() {
    let world = World::new().await;
    let answer = world
        .get("/v1/hosts")
        .header("Roost-Min-Sequence", "soon")
        .send()
        .await;
    assert!(answer.error(400, "invalid_request").contains("\"soon\""));
}
