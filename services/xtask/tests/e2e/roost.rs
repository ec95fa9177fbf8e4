//! The `roost` command as people and scripts use it: every command, on a real stack.

mod doctor;
mod events;
mod files;
mod keys;
mod programs;
mod sandboxes;
mod shell;
mod up;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use xtask::stack::Stack;

use crate::harness::with_stack;

/// How long any one command may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The command, and the stack that it is told to use.
struct Roost<'a> {
    stack: &'a Stack,
    key: String,
}

/// What a command came to.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Where the command is, built and beside the daemons.
fn program() -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell where this test is")?;
    let folder = test
        .ancestors()
        .nth(2)
        .context("a test lies in the target folder")?;
    let program = folder.join("roost");
    ensure!(
        program.is_file(),
        "{} is not there: build it with `cargo build -p roost-ctl`",
        program.display()
    );
    Ok(program)
}

impl<'a> Roost<'a> {
    /// As the operator.
    fn of(stack: &'a Stack) -> Self {
        let key = stack.state().api_key().to_owned();
        Self { stack, key }
    }

    /// As the holder of another key.
    fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..*self
        }
    }

    fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(program()?);
        command
            .args(args)
            .env("ROOST_URL", format!("http://{}", self.stack.gateway()))
            .env("ROOST_API_KEY", &self.key)
            .env_remove("ROOST_LOG")
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs a command to its end.
    async fn run(&self, args: &[&str]) -> Result<Ran> {
        self.run_with(args, b"").await
    }

    /// The same with something to read.
    async fn run_with(&self, args: &[&str], input: &[u8]) -> Result<Ran> {
        let mut command = self.command(args)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().context("a pipe")?;
        let input = input.to_vec();
        // One that does not read its input to the end is no failure of ours.
        let feed = tokio::spawn(async move { stdin.write_all(&input).await });
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        feed.abort();
        let output = output.with_context(|| format!("roost {args:?} does not end"))??;
        Ok(Ran {
            code: output.status.code().context("nobody killed it")?,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// What a command that succeeds prints, without the last line's end.
    async fn ok(&self, args: &[&str]) -> Result<String> {
        let ran = self.run(args).await?;
        ensure!(ran.code == 0, "roost {args:?}: {ran:?}");
        Ok(ran.out.trim_end().to_owned())
    }

    /// The same as JSON.
    async fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.ok(&[&["--json"], args].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// A sandbox for a test.
    async fn sandbox(&self) -> Result<String> {
        self.ok(&["create", "minimal", "--timeout", "20m"]).await
    }
}

/// The exit code of a command, and one word of what it complains of.
async fn refused(roost: &Roost<'_>, args: &[&str], code: i32, word: &str) -> Result<()> {
    let ran = roost.run(args).await?;
    ensure!(
        ran.code == code && ran.err.contains(word),
        "roost {args:?}: expected {code} and {word:?}, got {ran:?}"
    );
    Ok(())
}

/// A file with this content in `folder`.
fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> Result<String> {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().context("it lies in a folder")?)?;
    std::fs::write(&path, content)?;
    Ok(path.to_string_lossy().into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_are_made_used_and_ended() -> Result<()> {
    with_stack(async |stack| {
        let roost = Roost::of(stack);
        sandboxes::live_through_everything(&roost).await?;
        doctor::finds_what_a_host_has(&roost).await?;
        let sandbox = roost.sandbox().await?;
        programs::end_as_they_do(&roost, &sandbox).await?;
        programs::are_left_and_found_again(&roost, &sandbox).await?;
        shell::is_a_terminal(&roost, &sandbox).await?;
        files::are_copied_both_ways(&roost, &sandbox).await?;
        files::with_names_that_lead_elsewhere_are_not(&roost, &sandbox).await?;
        programs::outlive_a_gateway(&roost, &sandbox).await?;
        roost.ok(&["rm", &sandbox]).await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_keys_are_managed() -> Result<()> {
    with_stack(async |stack| {
        let roost = Roost::of(stack);
        events::are_shown_and_followed_without_a_gap(&roost).await?;
        keys::admit_and_are_revoked(&roost).await?;
        keys::tenants_are_apart_and_limited(&roost).await?;
        keys::webhooks_are_kept(&roost).await
    })
    .await
}
