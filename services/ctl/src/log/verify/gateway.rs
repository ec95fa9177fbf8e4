//! What a running gateway shows.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use roost_journal::projection::Projection;
use roost_runtime::fleet::FleetProjection;
use roost_schemas::{Digest, Sequence};
use serde::Deserialize;

use super::witness::Witness;

/// It reads all that it holds.
const PATIENCE: Duration = Duration::from_mins(1);
/// Larger than any answer, unless much cannot be read.
const MAX_BYTES: usize = 16 << 20;

/// The part of its answer that matters.
#[derive(Deserialize)]
struct Answer {
    sequence: u64,
    digest: Digest,
    layout: u32,
}

/// Asks the gateway at `url` how far it has come, and what that came to.
pub(super) async fn witness(url: &str, key: &str) -> Result<Witness> {
    let asked = tokio::time::timeout(PATIENCE, ask(url, key)).await;
    let answer = asked
        .with_context(|| format!("{url} did not answer within {PATIENCE:?}"))?
        .with_context(|| url.to_owned())?;
    Ok(Witness {
        name: url.to_owned(),
        sequence: Sequence(answer.sequence),
        fold: (answer.layout == FleetProjection::VERSION).then_some(answer.digest),
        commit: None,
    })
}

async fn ask(url: &str, key: &str) -> Result<Answer> {
    let request = Request::get(format!("{}/v1/log", url.trim_end_matches('/')))
        .header("X-API-Key", key)
        .body(Empty::<Bytes>::new())?;
    let answer = Client::builder(TokioExecutor::new())
        .build_http()
        .request(request)
        .await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
    if !status.is_success() {
        bail!("it answers {status}: {}", String::from_utf8_lossy(&body));
    }
    serde_json::from_slice(&body).context("its answer is not that of a gateway")
}
