//! Many who want different things of one sandbox at once, and one who ends it whatever it is doing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use xtask::client::Api;

use super::witness::Witness;
use super::{act, settled};
use crate::harness::with_stack;

/// Who come at a time, and how often.
const WAVES: usize = 5;
const WISHES: [&str; 6] = ["pause", "resume", "fork", "pause", "resume", "fork"];
/// After how long a sandbox is ended that is being paused, or resumed.
const DELAYS_MS: [u64; 4] = [0, 50, 200, 500];

#[tokio::test(flavor = "multi_thread")]
async fn everybody_at_once_is_answered_and_no_byte_is_lost() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let sandbox = api.create(&request).await?.id;
        let mut witness = Witness::start(&api, &sandbox).await?;
        for wave in 0..WAVES {
            let wishes = WISHES.iter().map(|what| wish(&api, &sandbox, what));
            let mut children = Vec::new();
            for made in futures::future::join_all(wishes).await {
                children.extend(made.with_context(|| format!("wave {wave}"))?);
            }
            // Whatever was last: it can be paused and resumed, and is what it was.
            settled(&api, &sandbox, &["running", "paused"]).await?;
            act(&api, &sandbox, "resume").await?;
            witness.testify(&api, &sandbox).await?;
            for child in children {
                witness.clone().catch_up(&api, &child).await?;
                api.kill(&child).await?;
            }
        }
        api.kill(&sandbox).await
    })
    .await
}

/// Asks for something; it is done, or refused as what cannot be just now. Returns the children that it made.
async fn wish(api: &Api, sandbox: &str, what: &str) -> Result<Vec<String>> {
    let path = format!("/v1/sandboxes/{sandbox}/{what}");
    let answer = api.send(Method::POST, &path, &Value::Null).await?;
    if !answer.status.is_success() {
        let code = answer.error_code();
        let refused = ["invalid_state", "snapshot_failed"];
        ensure!(
            code.as_deref().is_some_and(|code| refused.contains(&code)),
            "{what}: {answer:?}"
        );
        return Ok(Vec::new());
    }
    let done: Value = serde_json::from_slice(&answer.body)?;
    let children = done["sandboxes"].as_array().into_iter().flatten();
    let ids = children.filter_map(|child| child["sandbox"]["id"].as_str());
    Ok(ids.map(ToOwned::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_can_be_ended_whatever_it_is_doing() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        for what in ["pause", "resume", "fork"] {
            for delay in DELAYS_MS {
                let sandbox = api.create(&request).await?.id;
                if what == "resume" {
                    act(&api, &sandbox, "pause").await?;
                }
                let path = format!("/v1/sandboxes/{sandbox}/{what}");
                let asked = api.send(Method::POST, &path, &Value::Null);
                let ended = async {
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    api.kill(&sandbox).await
                };
                let (answer, ended) = tokio::join!(asked, ended);
                ended.with_context(|| format!("{delay} ms into a {what}"))?;
                answer?;
                settled(&api, &sandbox, &["stopped"]).await?;
            }
        }
        // Forks that were quicker than their source's end.
        for left in api.list().await? {
            api.kill(&left.id).await?;
        }
        Ok(())
    })
    .await
}
