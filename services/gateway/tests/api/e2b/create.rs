//! Creates: every field, replays, and what cannot be made.

use std::time::Duration;

use roost_gateway::Limits;
use roost_schemas::SandboxId;
use serde_json::{Value, json};

use super::create;
use crate::world::{DOMAIN, World, limits, memory, tokens};

#[tokio::test]
async fn what_an_sdk_needs_to_speak_to_a_sandbox() {
    let world = World::new().await;
    let made = create(&world, &json!({"metadata": {}, "envVars": {}})).await;
    let id = made["sandboxID"].as_str().unwrap();
    assert_eq!(
        made,
        json!({
            "templateID": "base",
            "alias": "base",
            "sandboxID": id,
            "clientID": "h1",
            "envdVersion": "0.6.13",
            "envdAccessToken": tokens().access(&SandboxId::new(id).unwrap()),
            "domain": DOMAIN,
        })
    );
    // What the native API tells of it is the same sandbox.
    let native = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(
        (&native["state"], &native["timeout_sec"]),
        (&json!("running"), &json!(300))
    );
}

#[tokio::test]
async fn both_versions_take_what_sdks_send() {
    let world = World::new().await;
    // As release 2.45.1 sends it, and with what a later one may add.
    let old = json!({
        "templateID": "base", "timeout": 300, "secure": true, "allow_internet_access": true, "autoPause": false,
        "metadata": {"a": "b"}, "envVars": {"K": "V"}, "somethingNew": {"x": 1},
    });
    world.post("/sandboxes", &old).send().await.ok(201);
    let many = json!({
        "templateID": "base:default", "timeout": 60, "metadata": null, "envVars": null, "mcp": null,
        "network": {"egressProxy": null, "rules": {}, "httpsPorts": [], "dnsServers": []},
        "iam": {"tokens": {}}, "volumeMounts": [], "autoResume": {"enabled": false}, "autoPauseMemory": true,
    });
    world.post("/v2/sandboxes", &many).send().await.ok(201);
}

#[tokio::test]
async fn a_sandbox_lives_as_long_as_its_version_says() {
    let world = World::new().await;
    for (path, body, seconds) in [
        ("/sandboxes", json!({"templateID": "base"}), 15),
        ("/v2/sandboxes", json!({"templateID": "base"}), 300),
        ("/sandboxes", json!({"templateID": "base", "timeout": 77}), 77),
    ] {
        let made = world.post(path, &body).send().await.ok(201);
        let native = format!("/v1/sandboxes/{}", made["sandboxID"].as_str().unwrap());
        assert_eq!(world.get(&native).send().await.ok(200)["timeout_sec"], seconds);
    }
}

#[tokio::test]
async fn a_sandbox_that_is_not_public_has_a_traffic_token() {
    let world = World::new().await;
    let made = create(&world, &json!({"network": {"allowPublicTraffic": false}})).await;
    let id = SandboxId::new(made["sandboxID"].as_str().unwrap()).unwrap();
    assert_eq!(made["trafficAccessToken"], tokens().traffic(&id));
}

#[tokio::test]
async fn what_is_not_available_is_refused_by_name() {
    let world = World::new().await;
    for (field, value, named) in [
        ("autoPauseMemory", json!(false), "autoPauseMemory"),
        ("mcp", json!({"x": {}}), "mcp"),
        ("iam", json!({"tokens": {"aws": {}}}), "iam.tokens"),
        (
            "volumeMounts",
            json!([{"name": "a", "path": "/a"}]),
            "volumeMounts",
        ),
        (
            "network",
            json!({"egressProxy": {"address": "a:1"}}),
            "egressProxy",
        ),
        ("network", json!({"rules": {"a.b": []}}), "rules"),
        ("network", json!({"httpsPorts": [443]}), "httpsPorts"),
        ("network", json!({"allowOut": ["example.com"]}), "example.com"),
        ("network", json!({"denyOut": ["*.example.com"]}), "*.example.com"),
        ("timeout", json!(0), "timeout"),
        ("timeout", json!(-1), "timeout"),
        ("timeout", json!(604_801), "604800"),
        ("templateID", json!("No Good"), "No Good"),
        ("metadata", json!({"a": 1}), "metadata.a"),
        ("envVars", json!({"A=B": ""}), "env"),
        ("envVars", json!([]), "envVars"),
    ] {
        let mut body = json!({"templateID": "base"});
        body[field] = value;
        for path in ["/sandboxes", "/v2/sandboxes"] {
            let message = world.post(path, &body).send().await.refused(400);
            assert!(message.contains(named), "{body}: {message}");
        }
    }
    let list = world.get("/v2/sandboxes").send().await;
    assert_eq!(list.ok(200), json!([]), "a refused request made a sandbox");
}

#[tokio::test]
async fn a_template_that_does_not_exist_is_not_found() {
    let world = World::new().await;
    let body = json!({"templateID": "code-interpreter-v1"});
    let message = world.post("/v2/sandboxes", &body).send().await.refused(404);
    assert!(message.contains("code-interpreter-v1"), "{message}");
}

#[tokio::test]
async fn a_replay_makes_no_second_sandbox() {
    let world = World::new().await;
    let body = json!({"templateID": "base"});
    for (path, key) in [
        ("/v2/sandboxes", "k-1"),
        ("/sandboxes", "k-2"),
        ("/v2/sandboxes", &"k".repeat(255)),
    ] {
        let send = || world.post(path, &body).key(key).send();
        let (first, second) = tokio::join!(send(), send());
        assert_eq!(first.ok(201), second.ok(201));
        let other = json!({"templateID": "base", "timeout": 9});
        let other = world.post(path, &other).key(key).send().await;
        assert!(other.refused(409).contains("Idempotency-Key"));
        let id = first.ok(201)["sandboxID"].as_str().unwrap().to_owned();
        world.delete(&format!("/sandboxes/{id}")).send().await.ok(204);
        assert!(
            send().await.refused(409).contains(&id),
            "one that has ended cannot be used"
        );
    }
    let list: Value = world.get("/v2/sandboxes").send().await.ok(200);
    assert_eq!(list, json!([]));
    let bad = world
        .post("/v2/sandboxes", &body)
        .key(&"k".repeat(256))
        .send()
        .await;
    assert!(bad.refused(400).contains("Idempotency-Key"));
}

#[tokio::test]
async fn no_room_says_when_to_come_back() {
    let world = World::new().await;
    let body = json!({"templateID": "base"});
    for _ in 0..4 {
        world.post("/v2/sandboxes", &body).send().await.ok(201);
    }
    let mut answer = world.post("/v2/sandboxes", &body).send().await;
    for _ in 0..100 {
        if answer.status != 201 {
            break;
        }
        answer = world.post("/v2/sandboxes", &body).send().await;
    }
    answer.refused(429);
    assert!(answer.header("Retry-After").parse::<u64>().is_ok());
    assert_eq!(
        answer.header("Should-Retry"),
        "",
        "nothing was made: it may be repeated"
    );
}

#[tokio::test]
async fn a_create_whose_outcome_is_open_is_not_repeated_blindly() {
    let short = Limits {
        create: Duration::from_millis(100),
        reply: Duration::from_millis(100),
        ..limits()
    };
    let body = json!({"templateID": "base", "metadata": {"script": "hangs"}});
    let world = World::with(short.clone()).await;
    let hangs = world.post("/v2/sandboxes", &body).send().await;
    hangs.refused(504);
    assert_eq!(hangs.header("Should-Retry"), "false");
    let keyed = world.post("/v2/sandboxes", &body).key("k-1").send().await;
    keyed.refused(504);
    assert_eq!(keyed.header("Should-Retry"), "", "its key makes it safe");

    let nobody = World::over(memory().await, short, None);
    let unanswered = nobody.post("/v2/sandboxes", &body).send().await;
    unanswered.refused(504);
    assert_eq!(unanswered.header("Should-Retry"), "false");
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_made_to_run_tells_why() {
    let world = World::new().await;
    let body = json!({"templateID": "base", "metadata": {"script": "fails"}});
    let message = world.post("/v2/sandboxes", &body).send().await.refused(500);
    assert!(message.contains("none is left"), "{message}");
}
