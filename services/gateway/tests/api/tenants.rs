//! Tenants: apart from each other, and held to their limits.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_operator_makes_tenants_and_sets_their_limits() {
    let world = World::new().await;
    let first = &world.get("/v1/tenants").send().await.ok(200)["tenants"];
    assert_eq!(first[0]["id"], "default", "there without being made");
    assert_eq!(first[0]["created_at"], json!(null));
    world.tenant("acme", json!({"sandboxes": 2})).await;
    world.tenant("acme", json!({"sandboxes": 2})).await;
    let other = world.post("/v1/tenants", &json!({"id": "acme"})).send().await;
    other.error(409, "conflict");
    let set = world.call("PUT".parse().unwrap(), "/v1/tenants/acme/limits");
    let set = set
        .json(&json!({"vcpus": 4, "requests_per_sec": 100}))
        .send()
        .await
        .ok(200);
    assert_eq!(set["limits"], json!({"vcpus": 4, "requests_per_sec": 100}));
    assert_eq!(
        set["usage"],
        json!({"sandboxes": 0, "vcpus": 0, "memory_mb": 0, "disk_mb": 0})
    );
    for (method, path, body) in [
        ("POST", "/v1/tenants", json!({"id": "system"})),
        ("POST", "/v1/tenants", json!({"id": "A b"})),
        (
            "POST",
            "/v1/tenants",
            json!({"id": "x", "limits": {"sandboxes": -1}}),
        ),
        ("POST", "/v1/tenants", json!({"id": "x", "limits": {"gpus": 1}})),
        ("PUT", "/v1/tenants/system/limits", json!({})),
    ] {
        let call = world.call(method.parse().unwrap(), path).json(&body);
        call.send().await.error(400, "invalid_request");
    }
    let absent = world.call("PUT".parse().unwrap(), "/v1/tenants/nosuch/limits");
    absent.json(&json!({})).send().await.error(404, "not_found");
    let keys = world.post("/v1/keys?tenant=nosuch", &json!({"name": "x"}));
    keys.send().await.error(404, "not_found");
}

#[tokio::test]
async fn nothing_of_another_tenant_is_seen_or_reached() {
    let world = World::new().await;
    world.tenant("acme", json!({})).await;
    let (acme, _) = world.key("acme", "admin").await;
    let made = world
        .create(&json!({"template": "base", "metadata": {"of": "acme"}}))
        .by(&acme);
    let theirs = made.key("same").send().await.ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ours = world
        .create(&json!({"template": "base"}))
        .key("same")
        .send()
        .await;
    let ours = ours.ok(201)["id"].as_str().unwrap().to_owned();
    assert_ne!(ours, theirs, "the same key of another tenant is another command");

    for (key, own, other) in [(Some(&acme), &theirs, &ours), (None, &ours, &theirs)] {
        let by = |call: crate::client::Call| match key {
            Some(key) => call.by(key),
            None => call,
        };
        let listed = by(world.get("/v1/sandboxes")).send().await.ok(200);
        assert_eq!(listed["sandboxes"].as_array().unwrap().len(), 1, "{listed}");
        assert_eq!(listed["sandboxes"][0]["id"], **own);
        let listed = by(world.get("/v2/sandboxes")).send().await.ok(200);
        assert_eq!(listed[0]["sandboxID"], **own);
        // Word for word what an id gets that nobody has.
        for (method, path, body) in [
            ("GET", "/v1/sandboxes/ID", None),
            ("DELETE", "/v1/sandboxes/ID", None),
            ("GET", "/v1/sandboxes/ID/events", None),
            ("POST", "/v1/sandboxes/ID/pause", None),
            ("POST", "/v1/sandboxes/ID/resume", None),
            ("POST", "/v1/sandboxes/ID/fork", Some(json!({"count": 1}))),
            (
                "POST",
                "/v1/sandboxes/ID/timeout",
                Some(json!({"timeout_sec": 60})),
            ),
            ("PUT", "/v1/sandboxes/ID/network", Some(json!({}))),
            ("POST", "/v1/sandboxes/ID/exec", Some(json!({"cmd": "true"}))),
            ("POST", "/v1/sandboxes/ID/files/list", Some(json!({"path": "/"}))),
            ("GET", "/v1/sandboxes/ID/processes", None),
            (
                "POST",
                "/v1/snapshots",
                Some(json!({"sandbox_id": "ID", "name": "x"})),
            ),
            ("GET", "/sandboxes/ID", None),
            ("DELETE", "/sandboxes/ID", None),
            ("POST", "/sandboxes/ID/connect", Some(json!({"timeout": 60}))),
            ("POST", "/sandboxes/ID/timeout", Some(json!({"timeout": 60}))),
            ("GET", "/sandboxes/ID/metrics", None),
        ] {
            let ask = |id: &str| {
                let call = by(world.call(method.parse().unwrap(), &path.replace("ID", id)));
                match &body {
                    Some(body) => call.text(body.to_string().replace("ID", id)),
                    None => call,
                }
            };
            let foreign = ask(other).send().await;
            assert_eq!(foreign.status, 404, "{method} {path}: {}", foreign.text());
            let absent = ask("sbnosuch").send().await;
            assert_eq!(absent.status, 404, "{method} {path}: {}", absent.text());
            assert_eq!(
                foreign.text().replace(other.as_str(), "ID"),
                absent.text().replace("sbnosuch", "ID"),
                "{method} {path}"
            );
        }
    }
    for path in ["/v1/tenants/default", "/v1/keys?tenant=default"] {
        let foreign = world.get(path).by(&acme).send().await.error(404, "not_found");
        let absent = world
            .get(&path.replace("default", "nosuch"))
            .by(&acme)
            .send()
            .await;
        assert_eq!(
            foreign.replace("default", "nosuch"),
            absent.error(404, "not_found")
        );
    }
    world.get("/v1/tenants/acme").by(&acme).send().await.ok(200);
}

#[tokio::test]
async fn a_limit_is_named_when_it_is_reached_and_what_ends_makes_room() {
    let world = World::new().await;
    world
        .tenant("acme", json!({"sandboxes": 2, "memory_mb": 512}))
        .await;
    let (acme, _) = world.key("acme", "run").await;
    let create = |memory: u32| {
        let body = json!({"template": "base", "memory_mb": memory});
        world.create(&body).by(&acme).send()
    };
    let one = create(128).await.ok(201)["id"].as_str().unwrap().to_owned();
    let refused = create(512).await;
    assert_eq!(refused.header("Retry-After"), "2");
    let refused = refused.error(429, "limit_exceeded");
    assert!(
        refused.contains("memory_mb is 512: it has 128 and this would add 512"),
        "{refused}"
    );
    create(256).await.ok(201);
    let refused = create(128).await.error(429, "limit_exceeded");
    assert!(refused.contains("limit of sandboxes is 2"), "{refused}");
    let shown = world.get("/v1/tenants/acme").by(&acme).send().await.ok(200);
    assert_eq!(shown["usage"]["memory_mb"], 384);
    world.sandbox().await;
    let path = format!("/v1/sandboxes/{one}");
    world.delete(&path).by(&acme).send().await.ok(204);
    create(128).await.ok(201);
}

#[tokio::test]
async fn requests_are_counted_by_tenant_and_never_the_operators() {
    let world = World::new().await;
    world.tenant("acme", json!({"requests_per_sec": 3})).await;
    world.tenant("none", json!({"requests_per_sec": 0})).await;
    let keys = [
        world.key("acme", "run").await.0,
        world.key("acme", "read").await.0,
    ];
    let (mut passed, mut refused) = (0, None);
    for turn in 0..12 {
        let answer = world.get("/v1/sandboxes").by(&keys[turn % 2]).send().await;
        match answer.status.as_u16() {
            200 => passed += 1,
            _ => refused = Some(answer.error(429, "limit_exceeded")),
        }
    }
    assert!((3..12).contains(&passed), "{passed}");
    let refused = refused.unwrap();
    assert!(refused.contains("requests_per_sec is 3"), "{refused}");
    let (none, _) = world.key("none", "read").await;
    world
        .get("/v1/sandboxes")
        .by(&none)
        .send()
        .await
        .error(429, "limit_exceeded");
    world.get("/sandboxes").by(&none).send().await.refused(429);
    for _ in 0..20 {
        world.get("/v1/sandboxes").send().await.ok(200);
    }
}

#[tokio::test]
async fn a_key_that_stood_for_another_change_is_a_conflict_and_changes_nothing() {
    let world = World::new().await;
    world.tenant("acme", json!({})).await;
    let path = "/v1/tenants/acme/limits";
    let set = |limit: u32| {
        let call = world.call("PUT".parse().unwrap(), path).key("k1");
        call.json(&json!({"sandboxes": limit})).send()
    };
    set(1).await.ok(200);
    set(1).await.ok(200);
    set(2).await.error(409, "conflict");
    let shown = world.get("/v1/tenants/acme").send().await.ok(200);
    assert_eq!(shown["limits"], json!({"sandboxes": 1}));
    // The same key of another tenant stands for nothing yet.
    world.tenant("other", json!({})).await;
    let other = world.call("PUT".parse().unwrap(), "/v1/tenants/other/limits");
    let other = other.key("k1").json(&json!({"sandboxes": 2})).send().await;
    assert_eq!(other.ok(200)["limits"], json!({"sandboxes": 2}));

    let call = world.post("/v1/keys", &json!({"name": "ci"})).key("k2");
    let made = call.send().await.ok(201);
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    let revoke = |idempotency: &str| {
        let call = world.delete(&format!("/v1/keys/{id}")).key(idempotency);
        call.send()
    };
    revoke("k2").await.error(409, "conflict");
    world.get("/v1/sandboxes").by(key).send().await.ok(200);
    for _ in 0..2 {
        revoke("k3").await.ok(204);
    }
    world
        .get("/v1/sandboxes")
        .by(key)
        .send()
        .await
        .error(401, "unauthorized");
}

#[tokio::test]
async fn an_admin_makes_keys_for_its_own_tenant_and_no_other() {
    let world = World::new().await;
    world.tenant("acme", json!({})).await;
    let (admin, admin_id) = world.key("acme", "admin").await;
    let made = world
        .post("/v1/keys", &json!({"name": "ci"}))
        .by(&admin)
        .send()
        .await
        .ok(201);
    let key = made["key"].as_str().unwrap();
    let listed = world.get("/v1/sandboxes").by(key).send().await.ok(200);
    assert_eq!(listed["sandboxes"], json!([]));
    let foreign = world
        .post("/v1/keys?tenant=default", &json!({"name": "x"}))
        .by(&admin);
    foreign.send().await.error(404, "not_found");
    let (_, ours) = world.key("default", "run").await;
    world
        .delete(&format!("/v1/keys/{ours}"))
        .by(&admin)
        .send()
        .await
        .error(404, "not_found");
    // It may end itself.
    world
        .delete(&format!("/v1/keys/{admin_id}"))
        .by(&admin)
        .send()
        .await
        .ok(204);
    world
        .get("/v1/keys")
        .by(&admin)
        .send()
        .await
        .error(401, "unauthorized");
}
