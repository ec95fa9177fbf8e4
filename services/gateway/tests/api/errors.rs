//! Each error: its status, its code, and that it names what was wrong.

use std::time::Duration;

use axum::http::Method;
use roost_gateway::Limits;
use serde_json::json;

use crate::world::{LONG, World, limits, memory};

#[tokio::test]
async fn without_the_key_nothing_behind_it_is_reached() {
    let world = World::new().await;
    for (method, path) in [
        (Method::GET, "/v1/sandboxes"),
        (Method::POST, "/v1/sandboxes"),
        (Method::GET, "/v1/sandboxes/s1"),
        (Method::DELETE, "/v1/sandboxes/s1"),
        (Method::POST, "/v1/sandboxes/s1/timeout"),
        (Method::POST, "/v1/sandboxes/s1/exec"),
        (Method::PUT, "/v1/sandboxes/s1/network"),
        (Method::GET, "/v1/sandboxes/s1/exec/stream"),
        (Method::GET, "/v1/sandboxes/s1/processes"),
        (Method::POST, "/v1/sandboxes/s1/processes/p1/signal"),
        (Method::POST, "/v1/sandboxes/s1/processes/p1/stdin"),
        (Method::POST, "/v1/sandboxes/s1/files/write"),
        (Method::POST, "/v1/sandboxes/s1/files/read"),
        (Method::GET, "/v1/sandboxes/s1/files/stream/read"),
        (Method::POST, "/v1/sandboxes/s1/files/stream/write"),
        (Method::POST, "/v1/sandboxes/s1/files/remove"),
        (Method::GET, "/v1/sandboxes/s1/events"),
        (Method::GET, "/v1/templates"),
        (Method::GET, "/v1/hosts"),
        (Method::GET, "/v1/log"),
    ] {
        let call = || world.call(method.clone(), path).without("X-API-Key");
        let answer = call().send().await;
        answer.error(401, "unauthorized");
        assert_eq!(answer.header("WWW-Authenticate"), "Bearer");
        call()
            .header("X-API-Key", "other")
            .send()
            .await
            .error(401, "unauthorized");
        call()
            .header("Authorization", "Bearer other")
            .send()
            .await
            .error(401, "unauthorized");
        call()
            .header("Authorization", "Basic test-key")
            .send()
            .await
            .error(401, "unauthorized");
    }
    let bearer = world
        .get("/v1/hosts")
        .without("X-API-Key")
        .header("Authorization", "Bearer test-key");
    bearer.send().await.ok(200);
}

#[tokio::test]
async fn paths_and_methods_that_no_route_has() {
    let world = World::new().await;
    for path in ["/", "/v1", "/v1/sandboxes/", "/v1/sandboxes/s1/nap", "/v2"] {
        assert!(
            world
                .get(path)
                .send()
                .await
                .error(404, "not_found")
                .contains(path)
        );
    }
    for (method, path, allow) in [
        (Method::PUT, "/v1/sandboxes", "GET,HEAD,POST"),
        (Method::PATCH, "/v1/sandboxes/s1", "DELETE,GET,HEAD"),
        (Method::GET, "/v1/sandboxes/s1/exec", "POST"),
        (Method::GET, "/v1/sandboxes/s1/pause", "POST"),
        (Method::POST, "/v1/snapshots/s1", "DELETE"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let answer = world.call(method, path).send().await;
        answer.error(405, "method_not_allowed");
        let mut allowed: Vec<_> = answer.header("Allow").split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{path}");
    }
}

#[tokio::test]
async fn a_sandbox_that_does_not_exist_is_not_found_by_any_route() {
    let world = World::new().await;
    let path = "/v1/sandboxes/nosuch";
    for call in [
        world.get(path),
        world.delete(path),
        world.post(&format!("{path}/timeout"), &json!({"timeout_sec": 1})),
        world.post(&format!("{path}/exec"), &json!({"cmd": "echo"})),
        world.post(&format!("{path}/pause"), &json!({})),
        world.post(&format!("{path}/resume"), &json!({})),
        world.post(&format!("{path}/fork"), &json!({})),
        world.post(&format!("{path}/fork"), &json!({"at": 1})),
        world.post("/v1/snapshots", &json!({"sandbox_id": "nosuch"})),
        world.get(&format!("{path}/events")),
    ] {
        assert!(call.send().await.error(404, "not_found").contains("nosuch"));
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_is_refused() {
    let world = World::new().await;
    for id in [
        "A",
        "a-b",
        "a.b",
        "%2e%2e",
        "a%2Fb",
        "%00",
        "%ff",
        &"a".repeat(41),
    ] {
        let answer = world.get(&format!("/v1/sandboxes/{id}")).send().await;
        answer.error(400, "invalid_request");
    }
    let message = world
        .get("/v1/sandboxes/A")
        .send()
        .await
        .error(400, "invalid_request");
    assert!(
        message.contains("\"A\"") && message.contains("a-z and 0-9"),
        "{message}"
    );
}

#[tokio::test]
async fn what_the_domain_refuses_keeps_its_words() {
    let world = World::new().await;
    for (body, code, named) in [
        (json!({"template": "nosuch"}), (404, "not_found"), "nosuch"),
        (
            json!({"template": "base", "vcpus": 0}),
            (400, "invalid_request"),
            "vcpus",
        ),
        (
            json!({"template": "base", "vcpus": 1_000_000}),
            (400, "invalid_request"),
            "1000000",
        ),
        (
            json!({"template": "base", "memory_mb": 1}),
            (400, "invalid_request"),
            "memory_mb",
        ),
        (
            json!({"template": "base", "timeout_sec": 0}),
            (400, "invalid_request"),
            "timeout_sec",
        ),
        (
            json!({"template": "base", "env": {"A=B": ""}}),
            (400, "invalid_request"),
            "env",
        ),
        (
            json!({"template": "base", "metadata": {"k": "v".repeat(20_000)}}),
            (400, "invalid_request"),
            "metadata",
        ),
    ] {
        let message = world.create(&body).send().await.error(code.0, code.1);
        assert!(message.contains(named), "{message}");
    }
    let id = world.sandbox().await;
    let path = format!("/v1/sandboxes/{id}");
    for (route, body) in [
        ("timeout", json!({"timeout_sec": 0})),
        ("exec", json!({"cmd": ""})),
        ("exec", json!({"cmd": "a\u{0}"})),
        ("exec", json!({"cmd": "a", "timeout_sec": 10_000_000})),
    ] {
        world
            .post(&format!("{path}/{route}"), &body)
            .send()
            .await
            .error(400, "invalid_request");
    }
    world.delete(&path).send().await.ok(204);
    let late = world
        .post(&format!("{path}/timeout"), &json!({"timeout_sec": 5}))
        .send()
        .await;
    assert!(late.error(409, "invalid_state").contains("stopped"));
}

#[tokio::test]
async fn no_room_says_when_to_come_back() {
    let world = World::new().await;
    let answer = world
        .create(&json!({"template": "base", "memory_mb": 8193}))
        .send()
        .await;
    assert!(answer.error(429, "no_capacity").contains("8193"));
    assert!(answer.header("Retry-After").parse::<u64>().is_ok());
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_made_to_run_tells_why() {
    let world = World::new().await;
    let body = json!({"template": "base", "metadata": {"script": "fails"}});
    let send = || world.create(&body).key("k1").send();
    let message = send().await.error(500, "sandbox_failed");
    assert!(
        message.contains("claim slot") && message.contains("none is left"),
        "{message}"
    );
    assert_eq!(
        send().await.error(500, "sandbox_failed"),
        message,
        "the same key, the same answer"
    );
    let list = world.get("/v1/sandboxes?state=failed").send().await.ok(200);
    let id = list["sandboxes"][0]["id"].as_str().unwrap();
    assert!(message.contains(id));
    assert_eq!(list["sandboxes"][0]["cause"]["kind"], "step_failed");
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
}

#[tokio::test]
async fn a_sandbox_killed_before_it_ran_is_an_error() {
    let world = World::new().await;
    let body = json!({"template": "base", "metadata": {"script": "killed"}});
    world.create(&body).send().await.error(409, "sandbox_ended");
}

#[tokio::test]
async fn a_boot_that_takes_too_long_names_the_sandbox() {
    let world = World::with(Limits {
        create: Duration::from_millis(100),
        ..limits()
    })
    .await;
    let answer = world
        .create(&json!({"template": "base", "metadata": {"script": "hangs"}}))
        .send()
        .await;
    let message = answer.error(504, "deadline_exceeded");
    let list = world.get("/v1/sandboxes").send().await.ok(200);
    assert!(
        message.contains(list["sandboxes"][0]["id"].as_str().unwrap()),
        "{message}"
    );
}

#[tokio::test]
async fn a_delete_that_takes_too_long_says_so() {
    let world = World::with(Limits {
        delete: Duration::from_millis(100),
        ..limits()
    })
    .await;
    let sandbox = world
        .create(&json!({"template": "base", "metadata": {"script": "kept"}}))
        .send()
        .await
        .ok(201);
    let id = sandbox["id"].as_str().unwrap();
    let message = world
        .delete(&format!("/v1/sandboxes/{id}"))
        .send()
        .await
        .error(504, "deadline_exceeded");
    assert!(message.contains(id), "{message}");
}

#[tokio::test]
async fn nobody_who_answers_is_told_with_the_key_to_repeat_under() {
    let world = World::over(
        memory().await,
        Limits {
            reply: Duration::from_millis(50),
            ..limits()
        },
        None,
    );
    let answer = world.create(&json!({"template": "base"})).send().await;
    let message = answer.error(504, "deadline_exceeded");
    assert!(message.contains(answer.header("Idempotency-Key")), "{message}");
    assert!(message.contains("roost-reconciler"), "{message}");
}

#[tokio::test]
async fn a_command_that_nobody_takes_does_not_run_late() {
    let world = World::with(Limits {
        reply: Duration::from_millis(100),
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    world
        .exec(&id, "unanswered")
        .await
        .error(504, "deadline_exceeded");
    assert!(
        world
            .ports
            .fleet
            .wait_for(world.ports.journal.head().await.unwrap(), LONG)
            .await
    );
    let sandbox = world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200);
    assert_eq!(sandbox["processes"], 0);
}
