//! `cargo xtask up` as people meet it: the README's examples, Ctrl-C, a kill, and options that cannot work.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use xtask::client::Api;
use xtask::leaks::{self, Inventory, Scope};
use xtask::repository;
use xtask::stack::free_port;

/// How long `up` may take when everything is built.
const UP_WITHIN: Duration = Duration::from_mins(3);

/// A running `cargo xtask up` and what it printed.
struct Up {
    child: Child,
    address: SocketAddr,
    nats: String,
    nkey: String,
    key: String,
}

fn up(state: &Path, listen: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["up", "--state"])
        .arg(state)
        .args(["--listen", &listen.to_string()]);
    command
        .env_remove("ROOST_API_KEY")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Up {
    async fn start(state: &Path) -> Result<Self> {
        let address = free_port()?;
        let mut command = up(state, address);
        // Its default is a well-known port, which another test's may take at the same moment.
        command.args(["--nats", &free_port()?.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let (mut nats, mut nkey, mut key) = (String::new(), String::new(), String::new());
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                match line.split_once(' ') {
                    Some(("nats", rest)) => rest.trim().clone_into(&mut nats),
                    Some(("nkey", rest)) => rest.trim().clone_into(&mut nkey),
                    Some(("key", rest)) => rest.trim().clone_into(&mut key),
                    Some(("ready", url)) => return Ok(url.to_owned()),
                    _ => {}
                }
            }
            anyhow::bail!("it ended without becoming ready")
        };
        let url = tokio::time::timeout(UP_WITHIN, ready)
            .await
            .context("not ready in time")??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        ensure!(
            url == format!("http://{address}"),
            "it says {url}, but was told {address}"
        );
        Ok(Self {
            child,
            address,
            nats,
            nkey,
            key,
        })
    }

    async fn signal(&mut self, signal: &str) -> Result<std::process::ExitStatus> {
        let pid = self.child.id().context("it runs")?.to_string();
        ensure!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .await?
                .success(),
            "cannot signal it"
        );
        Ok(tokio::time::timeout(Duration::from_mins(1), self.child.wait())
            .await
            .context("it does not end")??)
    }
}

/// A state folder, and the scope of the instance that will use it.
fn state() -> Result<(TempDir, Scope)> {
    let folder = tempfile::Builder::new().prefix("roost-e2e-").tempdir()?;
    // Fixed beforehand, so that the instance's things can be told even after it was killed.
    let host_id = format!("h{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    fs::write(folder.path().join("host-id"), &host_id)?;
    let scope = Scope::Instance {
        state: folder.path().to_owned(),
        host_id,
    };
    Ok((folder, scope))
}

/// Waits until nothing is left but the state folder.
async fn assert_clean(folder: &TempDir, scope: &Scope) -> Result<()> {
    let mut left = Vec::new();
    for _ in 0..6 {
        left = leaks::left_since(&Inventory::default(), scope).await?;
        left.retain(|trace| !trace.name.starts_with(&*folder.path().to_string_lossy()));
        if left.is_empty() {
            return Ok(());
        }
    }
    anyhow::bail!("left behind: {left:#?}")
}

/// The README's fenced shell examples, as one script.
fn readme_script() -> Result<String> {
    let readme = fs::read_to_string(repository::root().join("README.md"))?;
    let blocks = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let script: Vec<&str> = blocks.collect();
    ensure!(script.len() >= 2, "the README shows HTTP and NATS");
    Ok(script.join("\n"))
}

async fn bash(script: &str, folder: &Path, up: &Up) -> Result<Output> {
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .kill_on_drop(true);
    command.env("ROOST_URL", format!("http://{}", up.address));
    command.env("ROOST_NATS", &up.nats).env("ROOST_NKEY", &up.nkey);
    command.env("ROOST_API_KEY", &up.key);
    let built = Path::new(env!("CARGO_BIN_EXE_xtask"))
        .parent()
        .context("it lies in a folder")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(built.to_owned()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(all)?);
    Ok(tokio::time::timeout(Duration::from_mins(3), command.output())
        .await
        .context("the examples take too long")??)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_examples_work_against_up_and_ctrl_c_ends_it() -> Result<()> {
    let (folder, scope) = state()?;
    let mut up = Up::start(folder.path()).await?;
    let work = tempfile::tempdir()?;
    let output = bash(&readme_script()?, work.path(), &up).await?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    for expected in [
        "\"stdout\":\"42\\n\"",
        "\"exit_code\":3",
        "\"type\":\"process_exited\"",
        "\"accepted\"",
        "hello",
        "notes.txt",
        "1 2 3 ",
    ] {
        assert!(out.contains(expected), "no {expected} in\n{out}");
    }
    assert!(!out.contains("\"rejected\""), "{out}");
    let ended = up.signal("-INT").await?;
    assert!(ended.success(), "{ended}");
    assert_clean(&folder, &scope).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_up_is_cleaned_up_by_its_watchdog() -> Result<()> {
    let (folder, scope) = state()?;
    let mut up = Up::start(folder.path()).await?;
    Api::new(up.address, &up.key)
        .create(&json!({"template": "minimal"}))
        .await?;
    up.signal("-KILL").await?;
    assert_clean(&folder, &scope).await
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_cannot_work_are_refused_by_name() -> Result<()> {
    let (folder, _) = state()?;
    let refusal = async |state: &Path, listen: SocketAddr| -> Result<String> {
        let output = up(state, listen).output().await?;
        assert!(!output.status.success());
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };

    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let address = taken.local_addr()?;
    let error = refusal(folder.path(), address).await?;
    assert!(
        error.contains(&address.to_string()) && error.contains("--listen"),
        "{error}"
    );

    let lock = fs::File::create(folder.path().join("lock"))?;
    lock.lock()?;
    let error = refusal(folder.path(), free_port()?).await?;
    assert!(
        error.contains(&*folder.path().to_string_lossy()) && error.contains("--state"),
        "{error}"
    );

    let error = refusal(Path::new("/proc/roost-cannot-be-here"), free_port()?).await?;
    assert!(
        error.contains("/proc/roost-cannot-be-here") && error.contains("--state"),
        "{error}"
    );
    Ok(())
}
