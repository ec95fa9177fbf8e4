//! Reading what was written.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_read_shows_the_sequence_that_a_write_answered() {
    let world = World::new().await;
    let created = world.create(&json!({"template": "base"})).send().await;
    let written = created.sequence();
    created.ok(201);
    let read = world
        .get("/v1/sandboxes")
        .header("Roost-Min-Sequence", &written.to_string())
        .send()
        .await;
    assert!(read.sequence() >= written);
    assert_eq!(read.ok(200)["sandboxes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_sequence_that_the_log_has_not_is_not_waited_for() {
    let world = World::new().await;
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
        assert!(answer.error(409, "sequence_ahead").contains("1000"));
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
