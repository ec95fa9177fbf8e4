//! What a running gateway shows.

use std::time::Duration;

use anyhow::{Context, Result};
use hyper::Method;
use roost_client::Api;
use roost_journal::projection::Projection;
use roost_runtime::fleet::FleetProjection;
use roost_schemas::{Digest, Sequence};
use serde::Deserialize;
use serde_json::Value;

use super::witness::Witness;

/// It reads all that it holds.
const PATIENCE: Duration = Duration::from_mins(1);

/// The part of its answer that matters.
#[derive(Deserialize)]
struct Answer {
    sequence: u64,
    digest: Digest,
    layout: u32,
}

/// Asks the gateway how far it has come, and what that came to.
pub(super) async fn witness(api: Api) -> Result<Witness> {
    let name = api.base().to_string();
    let api = api.with_patience(PATIENCE);
    let answer = api.send(Method::GET, "/v1/log", &Value::Null).await?.accepted();
    let answer: Answer = answer.with_context(|| name.clone())?.json()?;
    Ok(Witness {
        sequence: Sequence(answer.sequence),
        fold: (answer.layout == FleetProjection::VERSION).then_some(answer.digest),
        commit: None,
        name,
    })
}
