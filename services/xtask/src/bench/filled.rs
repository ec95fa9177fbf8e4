//! A sandbox a quarter of whose memory is in use, with what compresses badly.

use std::time::Duration;

use anyhow::Result;
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::client::Api;

/// The template.
const TEMPLATE: &str = "base";
/// Its memory.
pub(super) const MEMORY_MIB: u64 = 512;
/// Fills a quarter of it, and keeps it.
const FILL: &str = "python3 -c 'import os,time; kept = os.urandom(128 << 20); time.sleep(600)'";
/// When that is over, and the program sleeps.
const FILLED_AFTER: Duration = Duration::from_secs(10);

/// Makes one, and returns its id.
pub(super) async fn sandbox(api: &Api) -> Result<String> {
    let request = json!({"template": TEMPLATE, "timeout_sec": 3600});
    let sandbox = api.create(&request).await?.id;
    let fill = json!({"cmd": "sh", "args": ["-c", FILL], "background": true, "timeout_sec": 600});
    let path = format!("/v1/sandboxes/{sandbox}/exec");
    let answer = api.send(Method::POST, &path, &fill).await?;
    answer.expect(StatusCode::ACCEPTED)?;
    tokio::time::sleep(FILLED_AFTER).await;
    Ok(sandbox)
}
