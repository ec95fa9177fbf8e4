//! Keys, ids, templates, and the routes of E2B's API that are not here.

use axum::http::Method;
use serde_json::{Value, json};

use super::create;
use crate::world::World;

#[tokio::test]
async fn every_route_needs_the_key() {
    let world = World::new().await;
    for (method, path) in [
        (Method::GET, "/sandboxes"),
        (Method::POST, "/sandboxes"),
        (Method::GET, "/v2/sandboxes"),
        (Method::POST, "/v2/sandboxes"),
        (Method::GET, "/sandboxes/metrics"),
        (Method::GET, "/sandboxes/s1"),
        (Method::DELETE, "/sandboxes/s1"),
        (Method::POST, "/sandboxes/s1/connect"),
        (Method::POST, "/v2/sandboxes/s1/connect"),
        (Method::POST, "/sandboxes/s1/timeout"),
        (Method::POST, "/sandboxes/s1/refreshes"),
        (Method::POST, "/sandboxes/s1/pause"),
        (Method::POST, "/sandboxes/s1/resume"),
        (Method::POST, "/sandboxes/s1/fork"),
        (Method::POST, "/sandboxes/s1/snapshots"),
        (Method::GET, "/snapshots"),
        (Method::DELETE, "/templates/t1"),
        (Method::PUT, "/sandboxes/s1/network"),
        (Method::GET, "/sandboxes/s1/metrics"),
        (Method::GET, "/templates"),
        (Method::GET, "/v2/templates"),
        (Method::GET, "/templates/aliases/base"),
    ] {
        let call = || world.call(method.clone(), path).without("X-API-Key");
        call().send().await.refused(401);
        call().header("X-API-Key", "other").send().await.refused(401);
    }
    let bearer = world.get("/v2/sandboxes").without("X-API-Key");
    bearer
        .header("Authorization", "Bearer test-key")
        .send()
        .await
        .ok(200);
}

#[tokio::test]
async fn what_is_not_here_says_so_in_e2bs_shape() {
    let world = World::new().await;
    for (method, path) in [
        (Method::GET, "/sandboxes/s1/logs"),
        (Method::GET, "/v2/sandboxes/s1/logs"),
        (Method::POST, "/v3/templates"),
        (Method::GET, "/templates/base/tags"),
        (Method::GET, "/volumes"),
        (Method::GET, "/teams"),
        (Method::GET, "/sandboxes/"),
    ] {
        let message = world.call(method, path).send().await.refused(404);
        assert!(message.contains(path), "{message}");
    }
    for (method, path) in [
        (Method::PUT, "/v2/sandboxes"),
        (Method::PATCH, "/sandboxes/s1"),
        (Method::GET, "/sandboxes/s1/pause"),
        (Method::POST, "/templates"),
    ] {
        let answer = world.call(method, path).send().await;
        answer.refused(405);
        assert_ne!(answer.header("Allow"), "");
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_is_refused() {
    let world = World::new().await;
    for id in [
        "A",
        "a-b-c",
        "a.b",
        "%2e%2e",
        "a%2Fb",
        "%00",
        "%ff",
        &"a".repeat(41),
    ] {
        world.get(&format!("/sandboxes/{id}")).send().await.refused(400);
        world
            .delete(&format!("/sandboxes/{id}"))
            .send()
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn templates_are_those_there_are() {
    let world = World::new().await;
    create(&world, &json!({})).await;
    for path in ["/templates", "/v2/templates"] {
        let list = world.get(path).send().await.ok(200);
        let mut one = list[0].clone();
        for time in ["createdAt", "updatedAt", "lastSpawnedAt"] {
            assert!(one[time].take().as_str().unwrap().ends_with('Z'));
        }
        assert_eq!(
            (one, &list[1]),
            (
                json!({
                    "templateID": "base", "buildID": "blake3:00", "cpuCount": 1, "memoryMB": 128, "diskSizeMB": 1,
                    "public": true, "aliases": ["base"], "names": ["base"], "createdAt": null, "updatedAt": null,
                    "createdBy": null, "lastSpawnedAt": null, "spawnCount": 1, "buildCount": 1,
                    "envdVersion": "0.6.13", "buildStatus": "ready",
                }),
                &Value::Null
            )
        );
    }
    let alias = world.get("/templates/aliases/base").send().await.ok(200);
    assert_eq!(alias, json!({"templateID": "base", "public": true}));
    world.get("/templates/aliases/nosuch").send().await.refused(404);
    world
        .get("/templates/aliases/No%20Good")
        .send()
        .await
        .refused(400);
    world.get("/templates/aliases/%ff").send().await.refused(400);
}
