//! At rest, the gateway shows each sandbox as the log has it.

use anyhow::{Context, Result};
use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::chaos::notebook::{Invariant, Notebook};
use crate::chaos::rest::Settled;
use crate::client::Api;

/// Reads every sandbox at the end of the log, and compares.
pub(in crate::chaos) async fn check(settled: &Settled, api: &Api, notebook: &Notebook) -> Result<()> {
    let head = settled.history.head().to_string();
    for (sandbox, life) in &settled.lives {
        let path = format!("/v1/sandboxes/{sandbox}");
        let headers = [("Roost-Min-Sequence", head.as_str())];
        let answer = api.send_raw(Method::GET, &path, &headers, "").await?;
        let shown: Value = if answer.status == StatusCode::OK {
            serde_json::from_slice(&answer.body)?
        } else {
            Value::Null
        };
        let last = settled.history.of(sandbox).last();
        let last = last.context("whose life is known has a commit")?.sequence;
        let (state, sequence) = (shown["state"].as_str(), shown["sequence"].as_u64());
        if state != Some(life.phase.word()) || sequence != Some(last.0) {
            let seen = format!(
                "{sandbox} is {} at {last}, but shown as {state:?} at {sequence:?} ({})",
                life.phase.word(),
                answer.status
            );
            notebook.broken(Invariant::Projection, Some(sandbox), seen);
        }
    }
    Ok(())
}
