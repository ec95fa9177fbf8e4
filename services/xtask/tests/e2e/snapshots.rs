//! Snapshots: what is paused, forked or made a template goes on byte by byte, whatever dies, breaks or is full meanwhile.

mod clones;
mod contention;
mod crash;
mod damage;
mod full_disk;
mod keeper;
mod kept;
pub(crate) mod pager;
mod programs;
mod rounds;
mod soak;
mod templates;
mod timeouts;
mod witness;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::Api;
use xtask::stack::Stack;
use xtask::supervise::Role;

/// How long a sandbox may be on its way.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// Everything the gateway tells of a sandbox.
pub(crate) async fn view(api: &Api, sandbox: &str) -> Result<Value> {
    let path = format!("/v1/sandboxes/{sandbox}");
    api.send(Method::GET, &path, &Value::Null)
        .await?
        .read(StatusCode::OK)
}

/// Pauses or resumes.
pub(crate) async fn act(api: &Api, sandbox: &str, what: &str) -> Result<Value> {
    let path = format!("/v1/sandboxes/{sandbox}/{what}");
    let answer = api.send(Method::POST, &path, &Value::Null).await?;
    answer
        .read(StatusCode::OK)
        .with_context(|| format!("{what} of {sandbox}"))
}

/// Makes children of a sandbox, which all come to run.
async fn fork(api: &Api, sandbox: &str, request: &Value) -> Result<Vec<String>> {
    let path = format!("/v1/sandboxes/{sandbox}/fork");
    let answer = api.send(Method::POST, &path, request).await?;
    let forked: Value = answer.read(StatusCode::CREATED)?;
    let children = forked["sandboxes"].as_array().context("a list")?;
    let id = |child: &Value| {
        let id = child["sandbox"]["id"].as_str().map(ToOwned::to_owned);
        id.with_context(|| format!("a child does not run: {child}"))
    };
    children.iter().map(id).collect()
}

/// Makes a template of a sandbox.
async fn save(api: &Api, sandbox: &str, name: &str) -> Result<()> {
    let request = json!({"sandbox_id": sandbox, "name": name});
    let answer = api.send(Method::POST, "/v1/snapshots", &request).await?;
    answer.expect(StatusCode::CREATED).map(drop)
}

/// Waits until a sandbox is in one of these states, and tells what it is then.
pub(crate) async fn settled(api: &Api, sandbox: &str, states: &[&str]) -> Result<Value> {
    let began = Instant::now();
    loop {
        let now = view(api, sandbox).await;
        if let Ok(now) = &now
            && states.iter().any(|state| now["state"] == *state)
        {
            return Ok(now.clone());
        }
        ensure!(
            began.elapsed() < SETTLED_WITHIN,
            "{sandbox} is not {states:?} after {SETTLED_WITHIN:?}: {now:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Runs a shell's line in a sandbox and returns what it wrote.
async fn shell(api: &Api, sandbox: &str, line: &str) -> Result<String> {
    let request = json!({"cmd": "bash", "args": ["-c", line], "user": "root", "timeout_sec": 60});
    let output = api.exec(sandbox, &request).await?;
    ensure!(output.exit_code == 0, "{line}: {output:?}");
    Ok(output.stdout)
}

/// Lets a shell's line run in a sandbox for as long as that lives.
pub(crate) async fn background(api: &Api, sandbox: &str, program: &str, args: &[&str]) -> Result<()> {
    let request = json!({
        "cmd": program, "args": args, "user": "root", "background": true, "timeout_sec": 3600,
    });
    let path = format!("/v1/sandboxes/{sandbox}/exec");
    let answer = api.send(Method::POST, &path, &request).await?;
    answer.expect(StatusCode::ACCEPTED).map(drop)
}

/// Where the host keeps the files of one of its snapshots.
fn in_store(stack: &Stack, snapshot: &str) -> PathBuf {
    stack.state().of(Role::Host).join("snapshots").join(snapshot)
}

/// Where the host keeps what belongs to the engine of one placement.
pub(crate) fn engine(stack: &Stack, sandbox: &str, generation: u64) -> PathBuf {
    let hosts = PathBuf::from("/run/roost/hosts").join(stack.state().host_id());
    hosts.join("engines").join(format!("{sandbox}.{generation}"))
}
