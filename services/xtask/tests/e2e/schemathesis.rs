//! The description of the API and the API itself, held against each other by Schemathesis: thousands of requests that the
//! description allows or forbids, and answers that must be as it says.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::process::Command;
use xtask::process::{self, Stream};
use xtask::stack::Stack;

use crate::harness::with_stack;
use crate::install;

/// How long all of it may take.
const WITHIN: Duration = Duration::from_mins(8);
/// The same requests each time: what is found can be found again. Another number finds other things.
const SEED: &str = "1";
/// Requests made up for each operation, beside those for the edges of each value.
const EXAMPLES: &str = "10";
/// Sandboxes there may be at once: requests that are allowed make real ones.
const SANDBOXES: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_true() -> Result<()> {
    let installed = install::schemathesis("4.32.5").await?;
    with_stack(async |stack| {
        let limits = json!({"sandboxes": SANDBOXES});
        let limited = stack
            .api()
            .send(Method::PUT, "/v1/tenants/default/limits", &limits)
            .await?;
        limited.expect(StatusCode::OK)?;
        // Requests about a sandbox find one by its links from those that made it.
        let status = tokio::time::timeout(WITHIN, run(stack, &installed))
            .await
            .with_context(|| format!("Schemathesis does not end within {WITHIN:?}"))??;
        ensure!(status.success(), "what it found stands above ({status})");
        Ok(())
    })
    .await
}

async fn run(stack: &Stack, installed: &Path) -> Result<std::process::ExitStatus> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/schemathesis");
    let paths = std::env::join_paths([installed, &folder])?;
    let mut command = Command::new("python3");
    command
        .args([
            "-B",
            "-c",
            "from schemathesis.cli import schemathesis; schemathesis()",
        ])
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("http://{}/openapi.json", stack.gateway()))
        .arg("--header")
        .arg(format!("X-API-Key: {}", stack.state().api_key()))
        .args([
            "--seed",
            SEED,
            "--max-examples",
            EXAMPLES,
            "--generation-database",
            "none",
        ])
        .args(["--request-timeout", "60", "--no-color"])
        // A WebSocket is no request and answer.
        .args(["--exclude-path-regex", "exec/stream$"])
        .current_dir(stack.state().path())
        .env("PYTHONPATH", paths);
    process::run_lines(&mut command, Stream::Out, |line| println!("{line}")).await
}
