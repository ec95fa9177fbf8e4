//! Templates that are made from sandboxes: their names, their life, and what cannot be.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::World;

async fn save(world: &World, id: &str, name: Option<&str>) -> Answer {
    let mut body = json!({"sandbox_id": id});
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    world.post("/v1/snapshots", &body).send().await
}

async fn listed(world: &World, path: &str) -> Value {
    let all = world.get(path).send().await.ok(200);
    all[path.trim_start_matches("/v1/")].clone()
}

#[tokio::test]
async fn a_template_is_made_used_and_deleted() {
    let world = World::new().await;
    let made = world
        .create(&json!({"template": "base", "memory_mb": 256}))
        .send()
        .await
        .ok(201);
    let id = made["id"].as_str().unwrap();
    let answer = save(&world, id, Some("warm")).await;
    let mut saved = answer.ok(201);
    assert!(answer.sequence() > made["sequence"].as_u64().unwrap());
    assert_eq!(listed(&world, "/v1/snapshots").await, json!([saved]));
    let at: jiff::Timestamp = saved["created_at"].take().as_str().unwrap().parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - at.as_second()).abs() < 60);
    let snapshot = saved["snapshot_id"].take();
    assert_eq!(
        saved,
        json!({
            "name": "warm", "snapshot_id": null, "sandbox_id": id, "base": "base", "bytes": 4096, "vcpus": 1,
            "memory_mb": 256, "host": "h1", "created_at": null,
        })
    );
    let templates = listed(&world, "/v1/templates").await;
    let kinds: Vec<_> = templates
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (&t["name"], &t["kind"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&json!("base"), &json!("image")),
            (&json!("warm"), &json!("snapshot"))
        ]
    );
    let source = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(source["state"], "running");

    let child = world.create(&json!({"template": "warm"})).send().await.ok(201);
    assert_eq!(
        (&child["restored_from"], &child["memory_mb"]),
        (&snapshot, &json!(256))
    );
    for (field, value) in [("vcpus", 2), ("memory_mb", 128)] {
        let mut body = json!({"template": "warm"});
        body[field] = json!(value);
        let message = world.create(&body).send().await.error(400, "invalid_request");
        assert!(
            message.contains(field) && message.contains("leave it out"),
            "{message}"
        );
    }
    world
        .create(&json!({"template": "warm", "memory_mb": 256}))
        .send()
        .await
        .ok(201);

    let deleted = world.delete("/v1/snapshots/warm").key("k1").send().await;
    deleted.ok(204);
    assert_eq!(listed(&world, "/v1/snapshots").await, json!([]));
    let again = world.delete("/v1/snapshots/warm").key("k1").send().await;
    again.ok(204);
    assert_eq!(again.sequence(), deleted.sequence(), "one deletion");
    world
        .delete("/v1/snapshots/warm")
        .send()
        .await
        .error(404, "not_found");
    let message = world
        .create(&json!({"template": "warm"}))
        .send()
        .await
        .error(404, "not_found");
    assert!(message.contains("warm"), "{message}");
    let id = child["id"].as_str().unwrap();
    world.exec(id, "echo").await.ok(200);
    // The name is free.
    assert_eq!(save(&world, id, Some("warm")).await.ok(201)["base"], "warm");
}

#[tokio::test]
async fn a_paused_sandbox_stays_paused_and_may_have_several_names() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let pause = world.post(&format!("/v1/sandboxes/{id}/pause"), &json!({}));
    let paused = pause.send().await.ok(200);
    let (one, two) = (
        save(&world, &id, None).await.ok(201),
        save(&world, &id, None).await.ok(201),
    );
    assert_ne!(one["name"], two["name"]);
    for saved in [&one, &two] {
        assert!(saved["name"].as_str().unwrap().starts_with("snap-"));
        assert_eq!(saved["snapshot_id"], paused["paused_as"]);
    }
    let now = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(now["state"], "paused");
}

#[tokio::test]
async fn one_key_makes_one_template() {
    let world = World::new().await;
    let id = world.sandbox().await;
    for body in [
        json!({"sandbox_id": id}),
        json!({"sandbox_id": id, "name": "warm"}),
    ] {
        let key = body["name"].as_str().unwrap_or("unnamed");
        let send = || world.post("/v1/snapshots", &body).key(key).send();
        let (one, other) = tokio::join!(send(), send());
        assert_eq!(one.ok(201), other.ok(201));
        assert_eq!(send().await.ok(201), one.ok(201));
        let other = world.post("/v1/snapshots", &json!({"sandbox_id": id, "name": "cold"}));
        other.key(key).send().await.error(409, "conflict");
    }
    assert_eq!(listed(&world, "/v1/snapshots").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn names_that_cannot_be_or_are_taken_are_refused() {
    let world = World::new().await;
    let id = world.sandbox().await;
    for bad in [
        "",
        "..",
        "../../etc",
        "a/b",
        "A",
        "-a",
        "a b",
        "a.b",
        "é",
        "a\0",
        &"a".repeat(64),
    ] {
        let message = save(&world, &id, Some(bad)).await.error(400, "invalid_request");
        assert!(message.contains("name"), "{bad:?}: {message}");
    }
    for path in [
        "/v1/snapshots/..%2F..%2Fetc",
        "/v1/snapshots/A",
        "/v1/snapshots/%00",
        "/v1/snapshots/%ff",
    ] {
        world.delete(path).send().await.error(400, "invalid_request");
    }
    save(&world, &id, Some("warm")).await.ok(201);
    for taken in ["warm", "base"] {
        let message = save(&world, &id, Some(taken)).await.error(409, "conflict");
        assert!(message.contains(taken), "{message}");
    }
    world
        .delete("/v1/snapshots/nosuch")
        .send()
        .await
        .error(404, "not_found");
    let message = world
        .delete("/v1/snapshots/base")
        .send()
        .await
        .error(409, "invalid_state");
    assert!(message.contains("image"), "{message}");
    for (body, named) in [
        (json!({"name": "x"}), "sandbox_id"),
        (json!({"sandbox_id": "../x"}), "sandbox_id"),
        (json!({"sandbox_id": id, "memory": false}), "memory"),
    ] {
        let answer = world.post("/v1/snapshots", &body).send().await;
        assert!(answer.error(400, "invalid_request").contains(named));
    }
}

#[tokio::test]
async fn a_snapshot_that_fails_says_why_and_leaves_no_template() {
    let world = World::new().await;
    let body = json!({"template": "base", "metadata": {"script": "unkept"}});
    let made = world.create(&body).send().await.ok(201);
    let id = made["id"].as_str().unwrap();
    let message = save(&world, id, Some("warm")).await.error(500, "snapshot_failed");
    assert!(message.contains("the disk is full"), "{message}");
    assert_eq!(listed(&world, "/v1/snapshots").await, json!([]));
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
    save(&world, id, Some("warm")).await.error(409, "invalid_state");
}
