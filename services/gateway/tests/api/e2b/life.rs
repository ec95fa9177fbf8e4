//! From a create to its end: get, connect, timeouts, kill.

use serde_json::{Value, json};

use super::{create, sandbox};
use crate::world::{DOMAIN, World};

async fn end_of(world: &World, id: &str) -> jiff::Timestamp {
    let detail = world.get(&format!("/sandboxes/{id}")).send().await.ok(200);
    detail["endAt"].as_str().unwrap().parse().unwrap()
}

/// Seconds from now to `end`, rounded.
fn from_now(end: jiff::Timestamp) -> i64 {
    let now = jiff::Timestamp::now();
    (end.as_millisecond() - now.as_millisecond() + 500) / 1000
}

#[tokio::test]
async fn a_sandbox_is_told_with_all_its_fields() {
    let world = World::new().await;
    let asked = json!({
        "metadata": {"é": "a b"}, "timeout": 100, "allow_internet_access": false,
        "network": {"allowOut": ["1.1.1.1"], "denyOut": ["10.0.0.1/8"], "maskRequestHost": "${PORT}.example"},
    });
    let made = create(&world, &asked).await;
    let id = made["sandboxID"].as_str().unwrap();
    for path in [format!("/sandboxes/{id}"), format!("/sandboxes/{id}-h1")] {
        let mut detail = world.get(&path).send().await.ok(200);
        for time in ["startedAt", "endAt"] {
            let text = detail[time].take();
            text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        }
        assert_eq!(
            detail,
            json!({
                "templateID": "base", "alias": "base", "sandboxID": id, "clientID": "h1",
                "startedAt": null, "endAt": null,
                "cpuCount": 1, "memoryMB": 128, "diskSizeMB": 1,
                "metadata": {"é": "a b"}, "state": "running", "envdVersion": "0.6.13", "volumeMounts": [],
                "envdAccessToken": made["envdAccessToken"], "allowInternetAccess": false, "domain": DOMAIN,
                "network": {
                    "allowPublicTraffic": true, "allowOut": ["1.1.1.1/32"], "denyOut": ["10.0.0.0/8"],
                    "maskRequestHost": "${PORT}.example",
                },
                "lifecycle": {"autoResume": false, "onTimeout": "kill"},
            })
        );
    }
}

#[tokio::test]
async fn a_timeout_moves_the_end_both_ways() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let set = async |seconds: u32| {
        let answer = world.post(&format!("/sandboxes/{id}/timeout"), &json!({"timeout": seconds}));
        answer.send().await.ok(204);
        from_now(end_of(&world, &id).await)
    };
    assert_eq!(set(1000).await, 1000);
    assert_eq!(set(100).await, 100);
    assert!(set(0).await <= 1, "none is at once");
}

#[tokio::test]
async fn a_refresh_and_a_connect_only_extend() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let post = async |path: &str, body: Value, status| {
        let answer = world
            .post(&path.replace("{id}", &id), &body)
            .send()
            .await
            .ok(status);
        (answer, from_now(end_of(&world, &id).await))
    };
    assert_eq!(
        post("/sandboxes/{id}/timeout", json!({"timeout": 1000}), 204)
            .await
            .1,
        1000
    );
    assert_eq!(
        post("/sandboxes/{id}/refreshes", json!({"duration": 60}), 204)
            .await
            .1,
        1000
    );
    assert_eq!(
        post("/sandboxes/{id}/refreshes", json!({"duration": 3600}), 204)
            .await
            .1,
        3600
    );
    assert_eq!(
        post("/sandboxes/{id}/connect", json!({"timeout": 60}), 200)
            .await
            .1,
        3600
    );
    assert_eq!(post("/v2/sandboxes/{id}/connect", json!({}), 200).await.1, 3600);
    let (connected, end) = post("/v2/sandboxes/{id}/connect", json!({"timeout": 7200}), 200).await;
    assert_eq!((connected["sandboxID"].as_str(), end), (Some(id.as_str()), 7200));
    assert_eq!(connected["domain"], DOMAIN);
    assert!(connected["envdAccessToken"].is_string());

    // Without a body.
    let path = format!("/sandboxes/{id}/timeout");
    world.post(&path, &json!({"timeout": 1})).send().await.ok(204);
    let post = |path: String| world.call(axum::http::Method::POST, &path).send();
    post(format!("/sandboxes/{id}/refreshes")).await.ok(204);
    assert_eq!(from_now(end_of(&world, &id).await), 15);
    post(format!("/v2/sandboxes/{id}/connect")).await.ok(200);
    assert_eq!(from_now(end_of(&world, &id).await), 300);
}

#[tokio::test]
async fn times_that_cannot_be_are_refused() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    for (route, body) in [
        ("timeout", json!({})),
        ("timeout", json!({"timeout": -1})),
        ("timeout", json!({"timeout": "5"})),
        ("timeout", json!({"timeout": 604_801})),
        ("timeout", json!({"timeout": 99_999_999_999_u64})),
        ("refreshes", json!({"duration": 3601})),
        ("refreshes", json!({"duration": -1})),
        ("connect", json!({})),
        ("connect", json!({"timeout": 604_801})),
    ] {
        let answer = world
            .post(&format!("/sandboxes/{id}/{route}"), &body)
            .send()
            .await;
        answer.refused(400);
    }
}

#[tokio::test]
async fn what_has_ended_or_never_was_is_not_found_by_any_route() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    world.delete(&format!("/sandboxes/{id}")).send().await.ok(204);
    for id in [id.as_str(), "nosuch"] {
        let path = format!("/sandboxes/{id}");
        for call in [
            world.get(&path),
            world.delete(&path),
            world.post(&format!("{path}/timeout"), &json!({"timeout": 5})),
            world.post(&format!("{path}/refreshes"), &json!({})),
            world.post(&format!("{path}/connect"), &json!({"timeout": 5})),
            world.post(&format!("/v2{path}/connect"), &json!({})),
            world.post(&format!("{path}/pause"), &json!({})),
            world.post(&format!("{path}/resume"), &json!({})),
            world.post(&format!("{path}/fork"), &json!({})),
            world.post(&format!("{path}/snapshots"), &json!({})),
            world
                .call(axum::http::Method::PUT, &format!("{path}/network"))
                .json(&json!({})),
        ] {
            assert!(call.send().await.refused(404).contains(id));
        }
    }
}

#[tokio::test]
async fn a_kill_that_takes_too_long_says_so() {
    let world = World::with(roost_gateway::Limits {
        delete: std::time::Duration::from_millis(100),
        ..crate::world::limits()
    })
    .await;
    let made = create(&world, &json!({"metadata": {"script": "kept"}})).await;
    let path = format!("/sandboxes/{}", made["sandboxID"].as_str().unwrap());
    world.delete(&path).send().await.refused(504);
    // It is ending: clients see it no more.
    world.get(&path).send().await.refused(404);
}
