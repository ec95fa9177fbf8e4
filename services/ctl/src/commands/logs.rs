//! `roost logs`: what a program wrote.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use roost_schemas::{ProcessId, SandboxId};
use serde::Deserialize;

use crate::program::{Finish, Follow, Quiet};
use crate::remote::Session;

/// What is kept comes at once, once it has begun to: such a silence is its end.
const QUIET: Quiet = Quiet {
    first: Duration::from_secs(5),
    then: Duration::from_secs(1),
};

/// Shows what a program in a sandbox wrote, as far as it is kept.
///
/// The first 8 MiB of each of its streams are kept for an hour, and of a program that runs the latest, too.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on for as long as the program runs
    #[arg(short, long)]
    follow: bool,
    /// The sandbox
    sandbox: SandboxId,
    /// The program, as `roost ps` or `roost exec --detach` call it. Default: the one that was started last
    process: Option<ProcessId>,
}

/// A page of a sandbox's history.
#[derive(Deserialize)]
struct Page {
    events: Vec<Event>,
    next_after: u64,
    more: bool,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    data: Option<Started>,
}

/// What matters of a `process_started`.
#[derive(Deserialize)]
struct Started {
    process: ProcessId,
    /// Absent: a command started it. What others started, they alone have the output of.
    origin: Option<String>,
}

impl Logs {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let process = match self.process {
            Some(process) => process,
            None => last(session, &self.sandbox).await?,
        };
        let mut follow = Follow::attach(session, &self.sandbox, process);
        if !self.follow {
            follow = follow.until_quiet(QUIET);
        }
        // How it ended is no failure of showing what it wrote.
        match follow.run().await? {
            Finish::Exit(_) | Finish::Left | Finish::Interrupted | Finish::Quiet => Ok(()),
        }
    }
}

/// The program that was started last.
async fn last(session: &Session, sandbox: &SandboxId) -> Result<ProcessId> {
    let (mut after, mut last) = (0, None);
    loop {
        let path = format!("/v1/sandboxes/{sandbox}/events?type=process_started&limit=1000&after={after}");
        let page: Page = serde_json::from_value(session.get(&path).await?)?;
        let started = page.events.into_iter().rev().filter_map(|event| event.data);
        last = started
            .into_iter()
            .find(|started| started.origin.is_none())
            .or(last);
        if !page.more {
            break;
        }
        after = page.next_after;
    }
    let last = last.with_context(|| format!("no program was ever started in {sandbox}"))?;
    Ok(last.process)
}
