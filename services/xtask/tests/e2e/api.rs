//! The life of a sandbox over HTTP.

use anyhow::Result;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::with_stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_lives_runs_commands_and_is_gone_after_its_delete() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = api.create(&json!({"template": "base", "metadata": {"purpose": "test"}})).await?;
        assert_eq!(sandbox.state, "running");
        assert!(sandbox.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{}", sandbox.id);

        let uname = api.exec(&sandbox.id, &json!({"cmd": "uname", "args": ["-s"]})).await?;
        assert_eq!((uname.stdout.as_str(), uname.exit_code), ("Linux\n", 0));
        let python = api.exec(&sandbox.id, &json!({"cmd": "python3", "args": ["-c", "print(6 * 7)"]})).await?;
        assert_eq!((python.stdout.as_str(), python.exit_code), ("42\n", 0));
        let failing = json!({"cmd": "sh", "args": ["-c", "echo $A >&2; pwd; exit 3"], "env": {"A": "b"}, "cwd": "/tmp"});
        let failing = api.exec(&sandbox.id, &failing).await?;
        assert_eq!((failing.stdout.as_str(), failing.stderr.as_str(), failing.exit_code), ("/tmp\n", "b\n", 3));

        assert_eq!(api.get(&sandbox.id).await?.state, "running");
        assert!(api.list().await?.iter().any(|one| one.id == sandbox.id));

        api.kill(&sandbox.id).await?;
        assert_eq!(api.get(&sandbox.id).await?.state, "stopped");
        assert!(api.list().await?.iter().all(|one| one.id != sandbox.id));
        let path = format!("/v1/sandboxes/{}/exec", sandbox.id);
        let late = api.send(Method::POST, &path, &json!({"cmd": "true"})).await?;
        assert_eq!(late.status, StatusCode::CONFLICT, "{late:?}");
        assert_eq!(late.error_code().as_deref(), Some("invalid_state"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_repeated_under_its_idempotency_key_makes_one_sandbox() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "order-7"),
        ];
        let body = json!({"template": "minimal"}).to_string();
        let mut ids = Vec::new();
        for _ in 0..2 {
            let answer = api
                .send_raw(Method::POST, "/v1/sandboxes", &headers, body.clone())
                .await?;
            assert!(answer.headers.contains_key("roost-sequence"), "{answer:?}");
            let sandbox: Value = answer.read(StatusCode::CREATED)?;
            ids.push(sandbox["id"].clone());
        }
        assert_eq!(ids[0], ids[1]);
        assert_eq!(api.list().await?.len(), 1);
        let other = json!({"template": "base"}).to_string();
        let reused = api
            .send_raw(Method::POST, "/v1/sandboxes", &headers, other)
            .await?;
        assert_eq!(reused.error_code().as_deref(), Some("conflict"), "{reused:?}");
        Ok(())
    })
    .await
}
