//! `roost events`, and `--follow` across the gateway's death.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use xtask::supervise::Role;

use super::Roost;
use crate::restart::{eventually, kill};

/// A `roost events --follow`, line by line.
struct Followed {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Followed {
    fn start(roost: &Roost<'_>, args: &[&str]) -> Result<Self> {
        let args = [&["events", "--follow", "--json"], args].concat();
        let mut child = roost.command(&args)?.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("a pipe")?;
        Ok(Self {
            _child: child,
            lines: BufReader::new(out).lines(),
        })
    }

    /// Reads until an event of that type has come.
    async fn until(&mut self, kind: &str) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        loop {
            let line = tokio::time::timeout(Duration::from_mins(1), self.lines.next_line()).await;
            let line = line.with_context(|| format!("no {kind} after {events:?}"))??;
            let event: Value = serde_json::from_str(&line.context("it ended")?)?;
            let ends = event["type"] == kind;
            events.push(event);
            if ends {
                return Ok(events);
            }
        }
    }
}

pub(super) async fn are_shown_and_followed_without_a_gap(roost: &Roost<'_>) -> Result<()> {
    let mut all = Followed::start(roost, &["--after", "0"])?;
    let id = roost.sandbox().await?;
    let mut own = Followed::start(roost, &[&id, "--after", "0"])?;
    let mut told = all.until("running").await?;
    let mut of_one = own.until("running").await?;
    roost.ok(&["exec", &id, "true"]).await?;
    kill(roost.stack, Role::Gateway).await?;
    eventually("the gateway is back", async || {
        roost.ok(&["exec", &id, "true"]).await
    })
    .await?;
    roost.ok(&["rm", &id]).await?;
    told.extend(all.until("stopped").await?);
    of_one.extend(own.until("stopped").await?);
    ensure!(of_one.iter().all(|event| {
        event["subject"]
            .as_str()
            .is_some_and(|subject| subject.ends_with(&id))
    }));

    // The log, read at leisure, has the same.
    let read = roost.ok(&["events", "--json"]).await?;
    let read: Vec<Value> = read.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let until = told.len();
    assert_eq!(told, read[..until], "told, and read");
    let of_sandbox = |event: &&Value| {
        event["subject"]
            .as_str()
            .is_some_and(|subject| subject.ends_with(&id))
    };
    let read_of_one: Vec<_> = read.iter().filter(of_sandbox).cloned().collect();
    assert_eq!(of_one, read_of_one[..of_one.len()]);

    let lines = roost.ok(&["events", &id, "--type", "running,stopped"]).await?;
    let lines: Vec<_> = lines.lines().collect();
    ensure!(
        lines.len() == 2 && lines[0].contains("running") && lines[1].contains("stopped"),
        "{lines:?}"
    );
    ensure!(lines[0].contains(&format!("sandbox.{id}")), "{lines:?}");
    Ok(())
}
