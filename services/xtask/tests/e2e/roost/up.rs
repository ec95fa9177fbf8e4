//! `roost up`, and how the other commands find it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use xtask::leaks::{self, Inventory, Scope};
use xtask::process::path_with;
use xtask::stack::free_port;

use super::program;
use crate::harness::parts;

/// `roost` as somebody runs it whose state is kept in `home`, and who has set nothing.
fn roost(home: &Path, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(program()?);
    command
        .args(args)
        .env("XDG_STATE_HOME", home)
        .env_remove("ROOST_URL")
        .env_remove("ROOST_API_KEY")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

async fn ok(home: &Path, args: &[&str]) -> Result<String> {
    let output = roost(home, args)?.output().await?;
    ensure!(output.status.success(), "roost {args:?}: {output:?}");
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn up_is_found_by_the_other_commands_and_ends_on_ctrl_c() -> Result<()> {
    let parts = parts().await?;
    let home = tempfile::Builder::new().prefix("roost-e2e-").tempdir()?;
    let state = home.path().join("roost");
    let host_id = format!("h{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    std::fs::create_dir(&state)?;
    std::fs::write(state.join("host-id"), &host_id)?;
    let scope = Scope::Instance {
        state: state.clone(),
        host_id,
    };
    let (listen, nats) = (free_port()?.to_string(), free_port()?.to_string());
    let images = parts.images.to_string_lossy();
    let args = ["up", "--listen", &listen, "--nats", &nats, "--images", &images];
    let mut up = roost(home.path(), &args)?
        .env("PATH", path_with(&parts.nats_server))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(up.stdout.take().context("a pipe")?).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if line == format!("ready http://{listen}") {
                return Ok(());
            }
        }
        anyhow::bail!("it ended without becoming ready")
    };
    tokio::time::timeout(Duration::from_mins(2), ready)
        .await
        .context("not ready in time")??;
    // Neither URL nor key is said: they are found where `up` keeps them.
    let id = ok(home.path(), &["create", "minimal"]).await?;
    assert_eq!(ok(home.path(), &["ls", "-q"]).await?, id);
    assert_eq!(ok(home.path(), &["exec", &id, "echo", "hello"]).await?, "hello");

    let pid = up.id().context("it runs")?.to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().await?;
    ensure!(sent.success(), "cannot interrupt it");
    let ended = tokio::time::timeout(Duration::from_mins(1), up.wait()).await;
    let ended = ended.context("it does not end")??;
    ensure!(ended.success(), "{ended}");
    let gone = roost(home.path(), &["ls"])?.output().await?;
    assert_eq!(gone.status.code(), Some(7), "{gone:?}");
    let mut left = leaks::left_since(&Inventory::default(), &scope).await?;
    left.retain(|trace| !trace.name.starts_with(&*state.to_string_lossy()));
    ensure!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}
