//! Forks: their children, their places in the past, and what cannot be.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::sleep::but_its_place;
use crate::world::World;

async fn fork(world: &World, id: &str, body: &Value) -> Answer {
    world.post(&format!("/v1/sandboxes/{id}/fork"), body).send().await
}

async fn act(world: &World, id: &str, action: &str) -> Answer {
    world
        .post(&format!("/v1/sandboxes/{id}/{action}"), &json!({}))
        .send()
        .await
}

fn children(forked: &Value) -> Vec<&Value> {
    let children = forked["sandboxes"].as_array().unwrap().iter();
    children.map(|child| &child["sandbox"]).collect()
}

#[tokio::test]
async fn children_begin_as_their_source_is() {
    let world = World::new().await;
    let body = json!({
        "template": "base", "timeout_sec": 77, "metadata": {"a": "b"}, "env": {"K": "V"}, "on_timeout": "pause",
        "auto_resume": true, "network": {"internet": false},
    });
    let made = world.create(&body).send().await.ok(201);
    let id = made["id"].as_str().unwrap();
    let policy = world.call(axum::http::Method::PUT, &format!("/v1/sandboxes/{id}/network"));
    let policy = policy.json(&json!({"deny": ["1.1.1.1"]})).send().await.ok(200);

    let forked = fork(&world, id, &json!({"count": 3})).await.ok(201);
    let three = children(&forked);
    assert_eq!(three.len(), 3);
    for child in &three {
        assert_ne!(child["id"], made["id"]);
        assert_eq!(
            (&child["state"], &child["restored_from"]),
            (&json!("running"), &forked["snapshot"])
        );
        for field in [
            "template",
            "timeout_sec",
            "metadata",
            "on_timeout",
            "auto_resume",
            "vcpus",
            "memory_mb",
            "host",
        ] {
            assert_eq!(child[field], made[field], "{field}");
        }
        assert_eq!(child["network"], policy["network"], "as the source's is now");
    }
    let mut ids: Vec<_> = three.iter().map(|child| child["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let source = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(source["state"], "running");
    assert_eq!(source["snapshots"][0]["id"], forked["snapshot"]);

    // A fork of a fork, with a body that is left out, and one that is otherwise.
    let child = three[0]["id"].as_str().unwrap();
    let bare = world.call(axum::http::Method::POST, &format!("/v1/sandboxes/{child}/fork"));
    assert_eq!(children(&bare.send().await.ok(201)).len(), 1);
    let other = json!({"timeout_sec": 5, "metadata": {}, "on_timeout": "kill", "network": {}});
    let other = fork(&world, child, &other).await.ok(201);
    let other = children(&other)[0];
    assert_eq!(
        (&other["timeout_sec"], &other["metadata"]),
        (&json!(5), &json!({}))
    );
    assert_eq!(
        (&other["on_timeout"], &other["auto_resume"]),
        (&json!("kill"), &json!(true))
    );
    assert_eq!(other["network"]["internet"], true);
}

#[tokio::test]
async fn a_paused_source_is_forked_as_it_is() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let paused = act(&world, &id, "pause").await.ok(200);
    let forked = fork(&world, &id, &json!({})).await.ok(201);
    assert_eq!(forked["snapshot"], paused["paused_as"]);
    assert_eq!(children(&forked)[0]["state"], "running");
    let source = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(
        but_its_place(source),
        but_its_place(paused),
        "nothing happened to it"
    );
}

#[tokio::test]
async fn one_key_has_the_same_children() {
    let world = World::new().await;
    let id = world.sandbox().await;
    for (key, before) in [("k1", "resume"), ("k2", "pause")] {
        act(&world, &id, before).await.ok(200);
        let path = format!("/v1/sandboxes/{id}/fork");
        let send = |count: u32| world.post(&path, &json!({"count": count})).key(key).send();
        let (one, other) = tokio::join!(send(2), send(2));
        assert_eq!(one.ok(201)["sandboxes"], other.ok(201)["sandboxes"]);
        // The source moves on; the answer does not.
        act(&world, &id, "resume").await.ok(200);
        act(&world, &id, "pause").await.ok(200);
        let again = send(3).await.ok(201);
        assert_eq!(again["snapshot"], one.ok(201)["snapshot"]);
        assert_eq!(
            again["sandboxes"].as_array().unwrap()[..2],
            one.ok(201)["sandboxes"].as_array().unwrap()[..]
        );
        assert_eq!(children(&again)[2]["restored_from"], again["snapshot"]);
        // Other children than those are a conflict.
        let other = world
            .post(&path, &json!({"count": 1, "timeout_sec": 9}))
            .key(key)
            .send()
            .await;
        assert_eq!(other.ok(201)["sandboxes"][0]["error"]["code"], "conflict");
    }
}

#[tokio::test]
async fn each_child_that_cannot_be_tells_why() {
    let world = World::new().await;
    let made = world
        .create(&json!({"template": "base", "memory_mb": 3000}))
        .send()
        .await
        .ok(201);
    let id = made["id"].as_str().unwrap();
    let forked = fork(&world, id, &json!({"count": 3})).await.ok(201);
    let codes: Vec<_> = forked["sandboxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| (child["sandbox"]["state"].clone(), child["error"]["code"].clone()))
        .collect();
    let full = (Value::Null, json!("no_capacity"));
    assert_eq!(codes.iter().filter(|code| **code == full).count(), 2, "{codes:?}");
    let runs = (json!("running"), Value::Null);
    assert_eq!(codes.iter().filter(|code| **code == runs).count(), 1, "{codes:?}");
}

#[tokio::test]
async fn a_fork_of_the_past_begins_at_the_newest_snapshot_before_it() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let begun = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200)["sequence"].clone();
    let at = |place: &Value| json!({"at": place});
    let message = fork(&world, &id, &at(&begun)).await.error(404, "not_found");
    assert!(message.contains("none is kept"), "{message}");

    let first = act(&world, &id, "pause").await;
    act(&world, &id, "resume").await.ok(200);
    let second = act(&world, &id, "pause").await;
    let (one, two) = (
        first.ok(200)["paused_as"].clone(),
        second.ok(200)["paused_as"].clone(),
    );
    for (place, snapshot) in [
        (first.sequence(), &one),
        (second.sequence() - 1, &one),
        (second.sequence(), &two),
    ] {
        let forked = fork(&world, &id, &json!({"at": place, "count": 2})).await.ok(201);
        assert_eq!(forked["snapshot"], *snapshot, "{place}");
        for child in children(&forked) {
            assert_eq!(child["restored_from"], *snapshot);
        }
    }
    let early = fork(&world, &id, &json!({"at": first.sequence() - 1})).await;
    let message = early.error(404, "not_found");
    assert!(
        message.contains(&format!("{} at {}", one.as_str().unwrap(), first.sequence())),
        "{message}"
    );
    let future = fork(&world, &id, &json!({"at": 1_000_000}))
        .await
        .error(409, "sequence_ahead");
    assert!(
        future.contains("1000000") && future.contains("the log ends at"),
        "{future}"
    );

    // Only so many are kept.
    for _ in 0..roost_domain::sandbox::MAX_SNAPSHOTS {
        act(&world, &id, "resume").await.ok(200);
        act(&world, &id, "pause").await.ok(200);
    }
    let message = fork(&world, &id, &json!({"at": first.sequence()}))
        .await
        .error(404, "not_found");
    assert!(message.contains("no longer has"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_forked_is_refused_before_a_snapshot_is_taken() {
    let world = World::new().await;
    let id = world.sandbox().await;
    for (body, named) in [
        (json!({"count": 0}), "1 to 100"),
        (json!({"count": 101}), "101"),
        (json!({"count": -1}), "count"),
        (json!({"count": "two"}), "count"),
        (json!({"at": -1}), "at"),
        (json!({"timeout_sec": 0}), "timeout_sec"),
        (json!({"timeout_sec": 604_801}), "timeout_sec"),
        (json!({"env": {"A=B": ""}}), "env"),
        (json!({"metadata": {"a": 1}}), "metadata.a"),
        (json!({"vcpus": 2}), "vcpus"),
        (json!({"template": "other"}), "template"),
        (json!({"network": {"mask_host": "\n"}}), "mask_host"),
    ] {
        let message = fork(&world, &id, &body).await.error(400, "invalid_request");
        assert!(message.contains(named), "{body}: {message}");
    }
    let source = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(source["snapshots"], json!([]));
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
    for body in [json!({}), json!({"at": 5})] {
        let message = fork(&world, &id, &body).await.error(409, "invalid_state");
        assert!(message.contains("stopped"), "{message}");
    }
}

#[tokio::test]
async fn a_snapshot_that_fails_makes_no_children() {
    let world = World::new().await;
    let body = json!({"template": "base", "metadata": {"script": "unkept"}});
    let made = world.create(&body).send().await.ok(201);
    let id = made["id"].as_str().unwrap();
    let message = fork(&world, id, &json!({})).await.error(500, "snapshot_failed");
    assert!(message.contains("the disk is full"), "{message}");
    let list = world.get("/v1/sandboxes").send().await.ok(200);
    assert_eq!(list["sandboxes"].as_array().unwrap().len(), 1);
}
