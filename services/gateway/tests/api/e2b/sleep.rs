//! Pause, connect, resume, fork and snapshots, as SDKs ask for them.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create, sandbox};
use crate::client::Answer;
use crate::world::World;

async fn post(world: &World, path: &str, body: &Value) -> Answer {
    world.post(path, body).send().await
}

async fn pause(world: &World, id: &str) {
    post(world, &format!("/sandboxes/{id}/pause"), &json!({}))
        .await
        .ok(204);
}

/// Seconds from now to a sandbox's end.
async fn left(world: &World, id: &str) -> i64 {
    let detail = world.get(&format!("/sandboxes/{id}")).send().await.ok(200);
    let end: jiff::Timestamp = detail["endAt"].as_str().unwrap().parse().unwrap();
    end.as_second() - jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn a_pause_is_a_conflict_the_second_time() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let path = format!("/sandboxes/{id}/pause");
    let without = post(&world, &path, &json!({"memory": false})).await;
    assert!(without.refused(400).contains("memory"));
    post(&world, &path, &json!({"memory": "yes"})).await.refused(400);
    // As both releases send it.
    world
        .post(&path, &json!({"memory": true}))
        .key("k1")
        .send()
        .await
        .ok(204);
    post(&world, &path, &json!({})).await.refused(409);
    world.call(Method::POST, &path).send().await.refused(409);
    world.post(&path, &json!({})).key("k1").send().await.ok(204);

    let detail = world.get(&format!("/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(detail["state"], "paused");
    for time in ["startedAt", "endAt"] {
        detail[time].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    for (path, body) in [("timeout", json!({"timeout": 5})), ("refreshes", json!({}))] {
        let answer = post(&world, &format!("/sandboxes/{id}/{path}"), &body).await;
        assert!(answer.refused(409).contains("/connect"));
    }
    assert_eq!(
        world
            .get(&format!("/sandboxes/{id}/metrics"))
            .send()
            .await
            .ok(200),
        json!([])
    );
    world.delete(&format!("/sandboxes/{id}")).send().await.ok(204);
    world.get(&format!("/sandboxes/{id}")).send().await.refused(404);
}

#[tokio::test]
async fn a_connect_has_a_paused_sandbox_run_again() {
    let world = World::new().await;
    let made = create(&world, &json!({})).await;
    let id = made["sandboxID"].as_str().unwrap();
    for (path, body, seconds) in [
        (format!("/sandboxes/{id}/connect"), json!({"timeout": 100}), 100),
        (
            format!("/v2/sandboxes/{id}/connect"),
            json!({"timeout": 60, "memory": true}),
            60,
        ),
        (format!("/v2/sandboxes/{id}/connect"), json!({}), 300),
    ] {
        pause(&world, id).await;
        assert_eq!(
            post(&world, &path, &body).await.ok(201),
            made,
            "the same sandbox, the same token"
        );
        assert!((left(&world, id).await - seconds).abs() <= 1);
        post(&world, &path, &body).await.ok(200);
        let without = post(&world, &path, &json!({"timeout": 5, "memory": false})).await;
        assert!(without.refused(400).contains("memory"));
    }
    pause(&world, id).await;
    // Several at once: one has it resumed, all have it for as long as they asked.
    let path = format!("/v2/sandboxes/{id}/connect");
    let asked = [50, 5000, 500].map(|seconds| json!({"timeout": seconds}));
    let connects = asked.iter().map(|body| post(&world, &path, body));
    for answer in futures::future::join_all(connects).await {
        assert!(answer.status == 200 || answer.status == 201, "{}", answer.text());
    }
    assert!((left(&world, id).await - 5000).abs() <= 1);
}

#[tokio::test]
async fn a_connect_to_one_that_is_being_paused_waits_and_resumes_it() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    for _ in 0..10 {
        let (none, body) = (json!({}), json!({"timeout": 60}));
        let (path, other) = (
            format!("/sandboxes/{id}/pause"),
            format!("/v2/sandboxes/{id}/connect"),
        );
        let (paused, connected) = tokio::join!(post(&world, &path, &none), post(&world, &other, &body));
        paused.ok(204);
        assert!(
            connected.status == 200 || connected.status == 201,
            "{}",
            connected.text()
        );
        post(&world, &other, &body).await;
    }
}

#[tokio::test]
async fn the_old_resume_takes_paused_ones_only() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let path = format!("/sandboxes/{id}/resume");
    assert!(
        post(&world, &path, &json!({"timeout": 5}))
            .await
            .refused(409)
            .contains("/connect")
    );
    pause(&world, &id).await;
    assert!(
        post(&world, &path, &json!({"autoPause": true}))
            .await
            .refused(409)
            .contains("autoPause")
    );
    post(&world, &path, &json!({"memory": false})).await.refused(400);
    let resumed = post(&world, &path, &json!({"timeout": 50, "autoPause": false}))
        .await
        .ok(201);
    assert_eq!(resumed["sandboxID"], id);
    assert!((left(&world, &id).await - 50).abs() <= 1);
}

#[tokio::test]
async fn a_sandbox_is_made_to_pause_and_to_resume_by_itself() {
    let world = World::new().await;
    let body = json!({"autoPause": true, "autoResume": {"enabled": true}, "autoPauseMemory": true});
    let made = create(&world, &body).await;
    let id = made["sandboxID"].as_str().unwrap();
    let detail = world.get(&format!("/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(
        detail["lifecycle"],
        json!({"autoResume": true, "onTimeout": "pause"})
    );
    let native = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(
        (&native["on_timeout"], &native["auto_resume"]),
        (&json!("pause"), &json!(true))
    );
    let filesystem = json!({"templateID": "base", "autoPause": true, "autoPauseMemory": false});
    let refused = post(&world, "/v2/sandboxes", &filesystem).await;
    assert!(refused.refused(400).contains("autoPauseMemory"));
}

#[tokio::test]
async fn paused_ones_are_listed_unless_others_are_asked_for() {
    let world = World::new().await;
    let (runs, sleeps) = (sandbox(&world).await, sandbox(&world).await);
    pause(&world, &sleeps).await;
    for (query, wanted, running) in [
        ("", vec![&sleeps, &runs], "1"),
        ("?state=running,paused", vec![&sleeps, &runs], "1"),
        ("?state=paused&state=running", vec![&sleeps, &runs], "1"),
        ("?state=running", vec![&runs], "1"),
        ("?state=paused", vec![&sleeps], ""),
    ] {
        let answer = world.get(&format!("/v2/sandboxes{query}")).send().await;
        let list = answer.ok(200);
        let mut found: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["sandboxID"].as_str().unwrap())
            .collect();
        let mut wanted: Vec<_> = wanted.into_iter().map(String::as_str).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(
            (found, answer.header("X-Total-Running")),
            (wanted, running),
            "{query}"
        );
    }
    let paused = world.get("/v2/sandboxes?state=paused").send().await.ok(200);
    assert_eq!(paused[0]["state"], "paused");
    let v1 = world.get("/sandboxes").send().await.ok(200);
    assert_eq!(
        (v1.as_array().unwrap().len(), &v1[0]["sandboxID"]),
        (1, &json!(runs))
    );
}

#[tokio::test]
async fn a_fork_tells_of_each_child() {
    let world = World::new().await;
    let made = create(&world, &json!({"metadata": {"a": "b"}})).await;
    let id = made["sandboxID"].as_str().unwrap();
    let path = format!("/sandboxes/{id}/fork");
    let forked = post(&world, &path, &json!({"count": 2, "timeout": 100}))
        .await
        .ok(201);
    let forked = forked.as_array().unwrap();
    assert_eq!(forked.len(), 2);
    for child in forked {
        let child = &child["sandbox"];
        let child_id = child["sandboxID"].as_str().unwrap();
        assert_ne!(child["envdAccessToken"], made["envdAccessToken"]);
        assert_eq!(
            (&child["templateID"], &child["clientID"]),
            (&made["templateID"], &made["clientID"])
        );
        let detail = world.get(&format!("/sandboxes/{child_id}")).send().await.ok(200);
        assert_eq!(
            (&detail["state"], &detail["metadata"]),
            (&json!("running"), &json!({"a": "b"}))
        );
        assert!((left(&world, child_id).await - 100).abs() <= 1);
    }
    // Alone, and for as long as E2B has it, if nothing is said.
    let alone = world.call(Method::POST, &path).send().await.ok(201);
    let child = alone[0]["sandbox"]["sandboxID"].as_str().unwrap();
    assert!((left(&world, child).await - 15).abs() <= 1);
    for (body, named) in [
        (json!({"count": 0}), "1 to 100"),
        (json!({"count": 101}), "101"),
        (json!({"timeout": -1}), "timeout"),
        (json!({"timeout": 604_801}), "timeout_sec"),
    ] {
        assert!(post(&world, &path, &body).await.refused(400).contains(named));
    }
    let large = world
        .create(&json!({"template": "base", "memory_mb": 5000}))
        .send()
        .await
        .ok(201);
    let path = format!("/sandboxes/{}/fork", large["id"].as_str().unwrap());
    let full = post(&world, &path, &json!({})).await.ok(201);
    assert_eq!(full[0]["error"]["code"], 429);
    assert!(full[0]["error"]["message"].as_str().unwrap().contains("room"));
}

#[tokio::test]
async fn snapshots_are_made_listed_used_and_deleted() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let path = format!("/sandboxes/{id}/snapshots");
    let named = post(&world, &path, &json!({"name": "warm:default", "memory": true}))
        .await
        .ok(201);
    assert_eq!(named, json!({"snapshotID": "warm", "names": ["warm"]}));
    let unnamed = world.call(Method::POST, &path).send().await.ok(201);
    assert!(unnamed["snapshotID"].as_str().unwrap().starts_with("snap-"));
    assert!(
        post(&world, &path, &json!({"name": "warm"}))
            .await
            .refused(409)
            .contains("warm")
    );
    assert!(
        post(&world, &path, &json!({"name": "../x"}))
            .await
            .refused(400)
            .contains("name")
    );
    assert!(
        post(&world, &path, &json!({"memory": false}))
            .await
            .refused(400)
            .contains("memory")
    );

    let other = sandbox(&world).await;
    let theirs = post(
        &world,
        &format!("/sandboxes/{other}/snapshots"),
        &json!({"name": "zzz"}),
    )
    .await
    .ok(201);
    let list = async |query: &str| world.get(&format!("/snapshots{query}")).send().await;
    assert_eq!(list("").await.ok(200), json!([unnamed, named, theirs]));
    assert_eq!(
        list(&format!("?sandboxID={id}")).await.ok(200),
        json!([unnamed, named])
    );
    assert_eq!(list("?name=warm:default").await.ok(200), json!([named]));
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("?limit=2&nextToken={token}")).await;
        seen.extend(page.ok(200).as_array().unwrap().clone());
        page.header("X-Next-Token").clone_into(&mut token);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(json!(seen), json!([unnamed, named, theirs]));
    for bad in [
        "?limit=0",
        "?limit=101",
        "?sandboxID=A",
        "?nextToken=..%2Fx",
        "?name=A",
    ] {
        list(bad).await.refused(400);
    }

    let templates = world.get("/templates").send().await.ok(200);
    let warm = templates
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["templateID"] == "warm")
        .unwrap();
    assert_eq!(
        (&warm["public"], &warm["diskSizeMB"], &warm["memoryMB"]),
        (&json!(false), &json!(1), &json!(128))
    );
    let alias = world.get("/templates/aliases/warm").send().await.ok(200);
    assert_eq!(alias, json!({"templateID": "warm", "public": false}));
    let body = json!({"templateID": "warm:default"});
    let child = post(&world, "/v2/sandboxes", &body).await.ok(201);
    let detail = world
        .get(&format!("/sandboxes/{}", child["sandboxID"].as_str().unwrap()))
        .send()
        .await
        .ok(200);
    assert_eq!(
        (&detail["templateID"], &detail["diskSizeMB"]),
        (&json!("warm"), &json!(1))
    );

    world.delete("/templates/warm%3Adefault").send().await.ok(204);
    world.delete("/templates/warm").send().await.refused(404);
    world.delete("/templates/nosuch").send().await.refused(404);
    assert!(
        world
            .delete("/templates/base")
            .send()
            .await
            .refused(409)
            .contains("image")
    );
    world.delete("/templates/..%2Fx").send().await.refused(400);
    post(&world, "/v2/sandboxes", &body).await.refused(404);
}

#[tokio::test]
async fn one_that_ends_while_it_is_paused_is_not_found() {
    let world = World::new().await;
    let made = create(&world, &json!({"metadata": {"script": "lost-asleep"}})).await;
    let id = made["sandboxID"].as_str().unwrap();
    let paused = post(&world, &format!("/sandboxes/{id}/pause"), &json!({})).await;
    assert!(paused.refused(404).contains("lost"));
}
