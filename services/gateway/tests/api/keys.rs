//! API keys: made, told once, found again by their hash, and refused from the moment they end.

use roost_schemas::Timestamp;
use serde_json::{Value, json};

use crate::world::World;

/// Of the form, and nobody's.
const FORGED: &str = "e2b_0123456789abcdef0123456789abcdef01234567";

#[tokio::test]
async fn a_key_is_told_once_and_the_log_has_its_hash_alone() {
    let world = World::new().await;
    let request = world
        .post("/v1/keys", &json!({"name": "ci", "scope": "read"}))
        .key("k1");
    let answer = request.send().await;
    let sequence = answer.sequence();
    let made = answer.ok(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("e2b_") && key.len() == 44, "{key}");
    let expected = json!({"name": "ci", "scope": "read", "state": "active", "expires_at": null});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(made[field], *value, "{made}");
    }
    let listed = world.get("/v1/keys").send().await;
    assert!(listed.sequence() >= sequence);
    let mut listed = listed.ok(200)["keys"].clone();
    let Value::Array(all) = &mut listed else {
        panic!("{listed}")
    };
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(*all, [shown]);

    let again = world
        .post("/v1/keys", &json!({"name": "ci", "scope": "read"}))
        .key("k1");
    let message = again.send().await.error(409, "conflict");
    assert!(message.contains("told only once"), "{message}");
    let page = world.ports.journal.page(
        &roost_schemas::subject::EventFilter::All,
        roost_schemas::Sequence(0),
        1 << 20,
    );
    for record in page.await.unwrap().records {
        let text = String::from_utf8_lossy(&record.payload).into_owned();
        assert!(!text.contains(&key[4..]), "{}", record.subject);
    }
}

#[tokio::test]
async fn a_key_admits_until_it_is_revoked_and_no_request_longer() {
    let world = World::new().await;
    let (key, id) = world.key("default", "run").await;
    world.get("/v1/sandboxes").by(&key).send().await.ok(200);
    let bearer = format!("Bearer {key}");
    let call = world.get("/v1/sandboxes").without("X-API-Key");
    call.header("Authorization", &bearer).send().await.ok(200);
    for _ in 0..2 {
        world.delete(&format!("/v1/keys/{id}")).send().await.ok(204);
        world
            .get("/v1/sandboxes")
            .by(&key)
            .send()
            .await
            .error(401, "unauthorized");
        world.get("/sandboxes").by(&key).send().await.refused(401);
    }
    assert_eq!(
        world.get("/v1/keys").send().await.ok(200)["keys"][0]["state"],
        "revoked"
    );
    world
        .delete("/v1/keys/nosuch")
        .send()
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over() {
    let world = World::new().await;
    let soon = jiff::Timestamp::now() + std::time::Duration::from_millis(1500);
    let make = world.post(
        "/v1/keys",
        &json!({"name": "short", "expires_at": soon.to_string()}),
    );
    let key = make.send().await.ok(201)["key"].as_str().unwrap().to_owned();
    world.get("/v1/sandboxes").by(&key).send().await.ok(200);
    let end = u64::try_from(soon.as_millisecond()).unwrap();
    while Timestamp::now().0 <= end {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world
        .get("/v1/sandboxes")
        .by(&key)
        .send()
        .await
        .error(401, "unauthorized");
    assert_eq!(
        world.get("/v1/keys").send().await.ok(200)["keys"][0]["state"],
        "expired"
    );
}

#[tokio::test]
async fn what_is_no_key_admits_nobody() {
    let world = World::new().await;
    let (key, _) = world.key("default", "admin").await;
    let mut near = key.clone();
    near.replace_range(43.., if key.ends_with('0') { "1" } else { "0" });
    for bad in [
        FORGED,
        near.as_str(),
        &key[..43],
        &key[4..],
        &key.to_uppercase(),
        &format!("{key}0"),
        "e2b_",
        "x",
        "",
    ] {
        let message = world
            .get("/v1/sandboxes")
            .by(bad)
            .send()
            .await
            .error(401, "unauthorized");
        assert!(
            !message.contains(bad) || bad.is_empty() || bad == "x",
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_makes_no_key() {
    let world = World::new().await;
    let long = "x".repeat(101);
    for (body, named) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": long}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "a", "scope": "root"}), "scope"),
        (json!({"name": "a", "expires_at": "soon"}), "expires_at"),
        (
            json!({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (json!({"name": "a", "tenant": "other"}), "tenant"),
        (json!({"name": "a", "hash": "00"}), "hash"),
    ] {
        let refused = world
            .post("/v1/keys", &body)
            .send()
            .await
            .error(400, "invalid_request");
        assert!(refused.contains(named), "{body}: {refused}");
    }
    assert_eq!(world.get("/v1/keys").send().await.ok(200)["keys"], json!([]));
}

#[tokio::test]
async fn each_scope_goes_as_far_as_it_says() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let keys = [
        world.key("default", "read").await.0,
        world.key("default", "run").await.0,
        world.key("default", "admin").await.0,
    ];
    let exec = format!("/v1/sandboxes/{id}/exec");
    let files = format!("/v1/sandboxes/{id}/files/list");
    // Which of the scopes may go there; a request that may gets past the check, whatever comes of it then.
    for (method, path, from) in [
        ("GET", "/v1/sandboxes", 0),
        ("GET", "/v1/templates", 0),
        ("GET", "/v1/tenants/default", 0),
        ("GET", "/v2/sandboxes", 0),
        ("POST", "/v1/sandboxes", 1),
        ("POST", "/v2/sandboxes", 1),
        ("POST", &exec, 1),
        ("POST", &files, 1),
        ("GET", &format!("/v1/sandboxes/{id}/processes"), 1),
        ("GET", &format!("/v1/sandboxes/{id}/exec/stream"), 1),
        ("GET", &format!("/v1/sandboxes/{id}/files/stream/read"), 1),
        ("DELETE", "/v1/snapshots/nosuch", 1),
        ("DELETE", "/templates/nosuch", 1),
        ("GET", "/v1/keys", 2),
        ("POST", "/v1/keys", 2),
        ("DELETE", "/v1/keys/nosuch", 2),
        ("GET", "/v1/tenants", 3),
        ("POST", "/v1/tenants", 3),
        ("PUT", "/v1/tenants/default/limits", 3),
        ("GET", "/v1/hosts", 3),
        ("GET", "/v1/log", 3),
    ] {
        for (scope, key) in keys.iter().enumerate() {
            let answer = world.call(method.parse().unwrap(), path).by(key).send().await;
            let refused = answer.status == 403;
            assert_eq!(
                refused,
                scope < from,
                "{method} {path} by {scope}: {}",
                answer.text()
            );
            assert_ne!(answer.status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn who_may_only_look_is_shown_no_way_in() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let (read, _) = world.key("default", "read").await;
    let (run, _) = world.key("default", "run").await;
    let path = format!("/sandboxes/{id}");
    let shown = |key: String| {
        let call = world.get(&path).by(&key);
        async move { call.send().await.ok(200)["envdAccessToken"].clone() }
    };
    assert_eq!(shown(read).await, Value::Null);
    assert!(shown(run).await.is_string());
}
