//! One key, one effect.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn the_same_create_makes_one_sandbox() {
    let world = World::new().await;
    let request = json!({"template": "base", "metadata": {"a": "b"}});
    let send = || world.create(&request).key("k1").send();
    let (first, second) = tokio::join!(send(), send());
    assert_eq!(first.ok(201)["id"], second.ok(201)["id"]);
    assert_eq!(first.header("Idempotency-Key"), "k1");
    let id = first.ok(201)["id"].as_str().unwrap().to_owned();
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
    let third = send().await;
    assert_eq!(third.ok(201), first.ok(201), "as the first time");
    assert_eq!(third.sequence(), first.sequence());
    let now = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(now["state"], "stopped");
    assert_eq!(
        world.get("/v1/sandboxes").send().await.ok(200)["sandboxes"],
        json!([])
    );
}

#[tokio::test]
async fn another_request_under_the_same_key_is_a_conflict() {
    let world = World::new().await;
    world
        .create(&json!({"template": "base"}))
        .key("k1")
        .send()
        .await
        .ok(201);
    let other = world
        .create(&json!({"template": "base", "vcpus": 2}))
        .key("k1")
        .send()
        .await;
    assert!(other.error(409, "conflict").contains("k1"));

    let id = world.sandbox().await;
    let exec = format!("/v1/sandboxes/{id}/exec");
    world
        .post(&exec, &json!({"cmd": "echo"}))
        .key("k2")
        .send()
        .await
        .ok(200);
    world
        .post(&exec, &json!({"cmd": "false"}))
        .key("k2")
        .send()
        .await
        .error(409, "conflict");
    world
        .post(&format!("/v1/sandboxes/{id}/timeout"), &json!({"timeout_sec": 9}))
        .key("k2")
        .send()
        .await
        .error(409, "conflict");
    world
        .delete(&format!("/v1/sandboxes/{id}"))
        .key("k2")
        .send()
        .await
        .error(409, "conflict");
}

#[tokio::test]
async fn the_same_exec_runs_once_and_is_told_twice() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let request = json!({"cmd": "echo", "args": ["x"]});
    let send = || {
        world
            .post(&format!("/v1/sandboxes/{id}/exec"), &request)
            .key("k1")
            .send()
    };
    let (first, second) = (send().await.ok(200), send().await.ok(200));
    assert_eq!(
        first, second,
        "its standard error holds the sequence at which it was admitted"
    );
    let other = world
        .post(&format!("/v1/sandboxes/{id}/exec"), &request)
        .send()
        .await
        .ok(200);
    assert_ne!(first["process_id"], other["process_id"]);
}

#[tokio::test]
async fn the_same_timeout_and_delete_stand_where_they_stood() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let path = format!("/v1/sandboxes/{id}");
    let set = || {
        world
            .post(&format!("{path}/timeout"), &json!({"timeout_sec": 77}))
            .key("t")
            .send()
    };
    let (first, second) = (set().await, set().await);
    first.ok(200);
    second.ok(200);
    assert_eq!(first.sequence(), second.sequence());
    let other = world
        .post(&format!("{path}/timeout"), &json!({"timeout_sec": 78}))
        .key("t")
        .send()
        .await;
    other.error(409, "conflict");
    let delete = || world.delete(&path).key("d").send();
    let (first, second) = (delete().await, delete().await);
    first.ok(204);
    second.ok(204);
    assert_eq!(first.sequence(), second.sequence());
}

/// What a client gets that repeats its requests when everything has changed since.
#[tokio::test]
async fn a_day_and_hundreds_of_commits_later_every_answer_is_the_first() {
    let world = World::new().await;
    let create = json!({"template": "base", "timeout_sec": 3600});
    let made = world.create(&create).key("create").send().await;
    let id = made.ok(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sandboxes/{id}");
    let closed = json!({"internet": false});
    let requests = || {
        let post = |what: &str, body: &Value| world.post(&format!("{path}/{what}"), body);
        [
            ("timeout", post("timeout", &json!({"timeout_sec": 77}))),
            (
                "network",
                world.call(Method::PUT, &format!("{path}/network")).json(&closed),
            ),
            (
                "closed-already",
                world.call(Method::PUT, &format!("{path}/network")).json(&closed),
            ),
            ("pause", post("pause", &json!({}))),
            ("paused-already", post("pause", &json!({}))),
            ("resume", post("resume", &json!({}))),
            ("runs-already", post("resume", &json!({}))),
            (
                "snapshot",
                world.post("/v1/snapshots", &json!({"sandbox_id": id, "name": "warm"})),
            ),
            ("fork", post("fork", &json!({"count": 2}))),
            ("exec", post("exec", &json!({"cmd": "echo", "args": ["x"]}))),
        ]
    };
    let mut first = Vec::new();
    for (key, request) in requests() {
        let answer = request.key(key).send().await;
        assert!(answer.status.is_success(), "{key}: {answer:?}");
        first.push(answer);
    }
    let noise = json!({"timeout_sec": 500});
    for _ in 0..400 {
        world
            .post(&format!("{path}/timeout"), &noise)
            .send()
            .await
            .ok(200);
    }
    world
        .post(&format!("{path}/pause"), &json!({}))
        .send()
        .await
        .ok(200);
    world.delete("/v1/snapshots/warm").send().await.ok(204);
    for end in [false, true] {
        if end {
            world.delete(&path).send().await.ok(204);
        }
        let head = world.ports.journal.head().await.unwrap();
        let again = world.create(&create).key("create").send().await;
        assert_eq!(again.ok(201), made.ok(201));
        for ((key, request), first) in requests().into_iter().zip(&first) {
            let again = request.key(key).send().await;
            assert_eq!(again.status, first.status, "{key}: {again:?}");
            assert_eq!(again.body, first.body, "{key}");
            assert_eq!(again.sequence(), first.sequence(), "{key}");
        }
        assert_eq!(
            world.ports.journal.head().await.unwrap(),
            head,
            "nothing came of it"
        );
    }
    // The same key for something that was so then, and is another request.
    let other = world.post(&format!("{path}/resume"), &json!({"timeout_sec": 9}));
    other.key("runs-already").send().await.error(409, "conflict");
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_log() {
    let limits = roost_gateway::Limits {
        reply: std::time::Duration::from_millis(300),
        ..crate::world::limits()
    };
    let world = World::with(limits).await;
    let id = world.sandbox().await;
    world.exec(&id, "answer-lost").await.ok(200);
}

#[tokio::test]
async fn a_key_that_is_no_id_is_refused() {
    let world = World::new().await;
    // The last two begin as ids do that only Roost itself gives.
    for bad in ["a b", "", &"k".repeat(129), "@sb1.1.started", ":sb1.1.start"] {
        let answer = world.create(&json!({"template": "base"})).key(bad).send().await;
        assert!(answer.error(400, "invalid_request").contains("Idempotency-Key"));
    }
}
