//! Requests that make no sense: a typed error each, and nothing happens.

use anyhow::Result;
use hyper::{Method, StatusCode};
use roost_schemas::command::MAX_BODY;
use serde_json::{Value, json};
use xtask::client::{Answer, Api};

use crate::harness::with_stack;

/// An error has its status, its code, and a message that names what was wrong.
fn assert_refused(answer: &Answer, status: u16, code: &str, names: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status.as_u16(), status, "{body}");
    assert_eq!(answer.error_code().as_deref(), Some(code), "{body}");
    assert!(body.contains(names), "does not name {names}: {body}");
}

async fn create(api: &Api, body: Value) -> Result<Answer> {
    api.send(Method::POST, "/v1/sandboxes", &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_by_name() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        creates_are_refused(&api).await?;
        others_are_refused(&api).await?;
        assert!(api.list().await?.is_empty(), "a refused request made a sandbox");
        Ok(())
    })
    .await
}

async fn creates_are_refused(api: &Api) -> Result<()> {
    let unknown = create(api, json!({"template": "nosuch"})).await?;
    assert_refused(&unknown, 404, "not_found", "nosuch");
    for (field, value) in [
        ("vcpus", json!(0)),
        ("vcpus", json!(1000)),
        ("memory_mb", json!(0)),
        ("memory_mb", json!(1)),
        ("memory_mb", json!(999_999_999)),
        ("timeout_sec", json!(0)),
        ("vcpus", json!("two")),
        ("vcpus", json!(-1)),
        ("vcpus", json!(1.5)),
        ("metadata", json!({"a": 1})),
        ("no_such_field", json!(1)),
    ] {
        let answer = create(api, json!({"template": "minimal", field: value})).await?;
        assert_refused(&answer, 400, "invalid_request", field);
    }
    assert_refused(&create(api, json!({})).await?, 400, "invalid_request", "template");
    assert_refused(
        &create(api, json!({"template": "../etc"})).await?,
        400,
        "invalid_request",
        "../etc",
    );
    assert_refused(&create(api, json!([])).await?, 400, "invalid_request", "");
    Ok(())
}

async fn others_are_refused(api: &Api) -> Result<()> {
    let json_type = [("content-type", "application/json")];
    let broken = api
        .send_raw(Method::POST, "/v1/sandboxes", &json_type, "{\"template\":")
        .await?;
    assert_refused(&broken, 400, "invalid_request", "");
    let huge = json!({"template": "minimal", "metadata": {"a": "x".repeat(16 * MAX_BODY)}});
    assert_refused(&create(api, huge).await?, 413, "payload_too_large", "");
    let text = api
        .send_raw(
            Method::POST,
            "/v1/sandboxes",
            &[("content-type", "text/plain")],
            "{}",
        )
        .await?;
    assert_refused(&text, 415, "unsupported_media_type", "");

    let get = async |path: &str| api.send(Method::GET, path, &Value::Null).await;
    assert_refused(
        &get("/v1/sandboxes/NOT-an-id").await?,
        400,
        "invalid_request",
        "NOT-an-id",
    );
    assert_refused(&get("/v1/sandboxes/sb0000").await?, 404, "not_found", "sb0000");
    assert_refused(&get("/v1/nothing").await?, 404, "not_found", "");
    let exec = api
        .send(Method::POST, "/v1/sandboxes/sb0000/exec", &json!({"cmd": "true"}))
        .await?;
    assert_refused(&exec, 404, "not_found", "sb0000");

    let stranger = api
        .anonymous()
        .send(Method::GET, "/v1/sandboxes", &Value::Null)
        .await?;
    assert_refused(&stranger, 401, "unauthorized", "API key");
    let health = api.anonymous().send(Method::GET, "/health", &Value::Null).await?;
    assert_eq!(health.status, StatusCode::OK);
    let document: Value = api
        .anonymous()
        .send(Method::GET, "/openapi.json", &Value::Null)
        .await?
        .read(StatusCode::OK)?;
    assert!(document["paths"]["/v1/sandboxes"]["post"].is_object());
    Ok(())
}
