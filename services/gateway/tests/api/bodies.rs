//! Bodies: too large, of another kind, not JSON, not what is asked for.

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use futures::stream;
use serde_json::json;

use crate::world::World;

const TOO_MANY: usize = 256 * 1024 + 1;

#[tokio::test]
async fn a_body_is_bounded_by_what_it_declares() {
    let world = World::new().await;
    for (method, path) in [
        (Method::POST, "/v1/sandboxes"),
        (Method::POST, "/v1/sandboxes/s1/exec"),
        (Method::DELETE, "/v1/sandboxes/s1"),
    ] {
        let call = world
            .call(method, path)
            .header("Content-Length", &TOO_MANY.to_string());
        call.send().await.error(413, "payload_too_large");
    }
}

#[tokio::test]
async fn a_body_that_declares_nothing_is_bounded_too() {
    let world = World::new().await;
    // Without an end: only a bound ends the reading.
    let endless =
        stream::repeat_with(|| Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b' '; 4096])));
    let answer = world
        .call(Method::POST, "/v1/sandboxes")
        .text(Body::from_stream(endless))
        .send()
        .await;
    assert!(answer.error(413, "payload_too_large").contains("262144"));
}

#[tokio::test]
async fn a_body_at_the_bound_is_read() {
    let world = World::new().await;
    let mut body = json!({"template": "base"}).to_string();
    body.push_str(&" ".repeat(TOO_MANY - 1 - body.len()));
    world
        .call(Method::POST, "/v1/sandboxes")
        .text(body)
        .send()
        .await
        .ok(201);
}

#[tokio::test]
async fn only_json_is_read() {
    let world = World::new().await;
    let call = || world.create(&json!({"template": "base"}));
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        call()
            .header("Content-Type", kind)
            .send()
            .await
            .error(415, "unsupported_media_type");
    }
    let answer = call().without("Content-Type").send().await;
    assert!(
        answer
            .error(415, "unsupported_media_type")
            .contains("application/json")
    );
    call()
        .header("Content-Type", "application/json; charset=utf-8")
        .send()
        .await
        .ok(201);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    for (body, named) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{\"template\": \"base\"} {}", "not one JSON value"),
        ("[]", "body"),
        ("null", "body"),
        ("{}", "`template`"),
        (r#"{"template": "base", "cpus": 1}"#, "`cpus`"),
        (r#"{"template": "base", "vcpus": "two"}"#, "\"vcpus\""),
        (r#"{"template": "base", "vcpus": -1}"#, "u32"),
        (r#"{"template": "base", "memory_mb": 1.5}"#, "\"memory_mb\""),
        (
            r#"{"template": "base", "timeout_sec": 99999999999}"#,
            "\"timeout_sec\"",
        ),
        (r#"{"template": "base", "on_timeout": "sleep"}"#, "`kill`"),
        (r#"{"template": "base", "metadata": {"a": 1}}"#, "\"metadata.a\""),
        (r#"{"template": "base", "env": []}"#, "\"env\""),
        (r#"{"template": "No Good"}"#, "template name"),
        (r#"{"template": "base", "template": "base"}"#, "duplicate"),
        ("{\"template\": \"\u{0}\"}", "not JSON"),
    ] {
        let answer = world.call(Method::POST, "/v1/sandboxes").text(body).send().await;
        let message = answer.error(400, "invalid_request");
        assert!(message.contains(named), "{body}: {message}");
    }
    let deep = "[".repeat(100_000);
    world
        .call(Method::POST, "/v1/sandboxes")
        .text(deep)
        .send()
        .await
        .error(400, "invalid_request");
    let not_text = world
        .call(Method::POST, "/v1/sandboxes")
        .text(&b"{\"template\": \"\xff\"}"[..]);
    not_text.send().await.error(400, "invalid_request");

    for (route, body, named) in [
        ("exec", json!({}), "`cmd`"),
        ("exec", json!({"cmd": 1}), "\"cmd\""),
        ("exec", json!({"cmd": "a", "args": "b"}), "\"args\""),
        ("exec", json!({"cmd": "a", "args": ["b", 1]}), "\"args[1]\""),
        ("exec", json!({"cmd": "a", "shell": true}), "`shell`"),
        ("timeout", json!({"timeout_sec": null}), "\"timeout_sec\""),
        ("timeout", json!({"seconds": 1}), "`seconds`"),
    ] {
        let message = world
            .post(&format!("/v1/sandboxes/s1/{route}"), &body)
            .send()
            .await
            .error(400, "invalid_request");
        assert!(message.contains(named), "{body}: {message}");
    }
}
