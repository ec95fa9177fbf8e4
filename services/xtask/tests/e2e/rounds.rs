//! Many short lives, several at a time, leave nothing behind.

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use xtask::client::Api;

use crate::harness::with_stack;

const ROUNDS: usize = 50;
const AT_A_TIME: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_rounds_of_create_exec_kill_leave_nothing() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        stream::iter(0..ROUNDS)
            .map(|number| round(api.clone(), number))
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<()>>()
            .await?;
        assert!(api.list().await?.is_empty());
        Ok(())
    })
    .await
}

async fn round(api: Api, number: usize) -> Result<()> {
    let whole = async {
        let sandbox = api.create(&json!({"template": "minimal"})).await?.id;
        let output = api
            .exec(&sandbox, &json!({"cmd": "echo", "args": [number.to_string()]}))
            .await?;
        assert_eq!(
            (output.stdout.trim(), output.exit_code),
            (number.to_string().as_str(), 0)
        );
        api.kill(&sandbox).await
    };
    whole.await.with_context(|| format!("round {number}"))
}
