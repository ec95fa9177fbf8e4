//! Templates of sandboxes and forks from the past: what starts from them is what was then, and lives on without them.

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::Api;

use super::witness::Witness;
use super::{act, fork, save, shell};
use crate::harness::with_stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_template_in_use_can_be_deleted_and_those_who_use_it_live_on() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let source = api.create(&request).await?.id;
        let mut witness = Witness::start(&api, &source).await?;
        save(&api, &source, "warm").await?;
        witness.testify(&api, &source).await?;
        let taken = json!({"sandbox_id": source, "name": "warm"});
        let refused = api.send(Method::POST, "/v1/snapshots", &taken).await?;
        assert_eq!(refused.error_code().as_deref(), Some("conflict"));
        for name in ["base", "../x", ""] {
            let request = json!({"sandbox_id": source, "name": name});
            let refused = api.send(Method::POST, "/v1/snapshots", &request).await?;
            ensure!(refused.status.is_client_error(), "{name}: {refused:?}");
        }

        let made = api
            .create(&json!({"template": "warm", "timeout_sec": 3600}))
            .await?
            .id;
        let larger = json!({"template": "warm", "memory_mb": 256});
        let refused = api.send(Method::POST, "/v1/sandboxes", &larger).await?;
        assert_eq!(refused.error_code().as_deref(), Some("invalid_request"));
        api.kill(&source).await?;
        let path = "/v1/snapshots/warm";
        let deleted = api.send(Method::DELETE, path, &Value::Null).await?;
        deleted.expect(StatusCode::NO_CONTENT)?;
        let again = api.send(Method::DELETE, path, &Value::Null).await?;
        assert_eq!(again.error_code().as_deref(), Some("not_found"));
        let gone = json!({"template": "warm"});
        let refused = api.send(Method::POST, "/v1/sandboxes", &gone).await?;
        assert_eq!(refused.error_code().as_deref(), Some("not_found"));
        let image = api
            .send(Method::DELETE, "/v1/snapshots/minimal", &Value::Null)
            .await?;
        assert_eq!(image.error_code().as_deref(), Some("invalid_state"));

        // The template's and the source's files are still under those of what was made from them.
        let mut of_made = witness.clone();
        of_made.catch_up(&api, &made).await?;
        act(&api, &made, "pause").await?;
        act(&api, &made, "resume").await?;
        of_made.testify(&api, &made).await?;
        api.kill(&made).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_begins_where_its_source_was_at_a_place_in_the_log() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let source = api
            .create(&json!({"template": "minimal", "timeout_sec": 3600}))
            .await?
            .id;
        let created = sequence(&api, &source).await?;
        let mut places = Vec::new();
        for word in ["one", "two"] {
            shell(&api, &source, &format!("echo {word} > /root/word")).await?;
            let paused = act(&api, &source, "pause").await?;
            places.push((paused["sequence"].as_u64().context("a number")?, word));
            act(&api, &source, "resume").await?;
        }
        shell(&api, &source, "echo three > /root/word").await?;
        for (at, word) in places {
            for child in fork(&api, &source, &json!({"count": 1, "at": at})).await? {
                assert_eq!(shell(&api, &child, "cat /root/word").await?.trim(), word);
                api.kill(&child).await?;
            }
        }
        let path = format!("/v1/sandboxes/{source}/fork");
        for (at, code) in [(created, "not_found"), (u64::MAX >> 1, "sequence_ahead")] {
            let refused = api.send(Method::POST, &path, &json!({"at": at})).await?;
            assert_eq!(refused.error_code().as_deref(), Some(code));
        }
        for count in [0, 101] {
            let refused = api.send(Method::POST, &path, &json!({"count": count})).await?;
            assert_eq!(refused.error_code().as_deref(), Some("invalid_request"));
        }
        assert_eq!(shell(&api, &source, "cat /root/word").await?.trim(), "three");
        api.kill(&source).await
    })
    .await
}

async fn sequence(api: &Api, sandbox: &str) -> Result<u64> {
    let view = super::view(api, sandbox).await?;
    view["sequence"].as_u64().context("a number")
}
