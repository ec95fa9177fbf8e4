//! One key, one effect.

use serde_json::json;

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
    let third = send().await.ok(201);
    assert_eq!((&third["id"], &third["state"]), (&json!(id), &json!("stopped")));
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
