//! From a create to the first output of a command when the template is restored: through the whole stack, with the bare
//! engine doing the same, and beside a cold boot.
//!
//! All three start the same template with the same memory in a network slot made beforehand, and run the same command
//! through the guest's agent. They take turns, so that a change of the machine's load meets all of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio_util::sync::CancellationToken;

use super::bare::Bare;
use super::overhead::{COMMAND, TEMPLATE, command_line, through_stack};
use super::table;
use crate::build::Profile;
use crate::stack::{Ports, Stack, StateFolder};
use crate::supervise::Role;
use crate::{prepare, ui};

/// What the whole stack may take, as a multiple of the bare engine's restore.
const BAR: f64 = 1.15;
/// How many times as long a cold boot must take.
const FASTER: f64 = 5.0;

/// What was measured.
#[derive(Default)]
struct Times {
    whole: Vec<Duration>,
    restored: Vec<Duration>,
    booted: Vec<Duration>,
}

pub(super) async fn run(rounds: u32, cancelled: &CancellationToken) -> Result<()> {
    let parts = prepare::parts(Profile::Release, cancelled).await?;
    let state = StateFolder::temporary("bench")?;
    let engine = Bare::open(&parts.images, TEMPLATE, &parts.binaries, None).await?;
    let pager = parts.binaries.pager.clone();
    let work = async |stack: &Stack| measure(stack, &engine, &pager, rounds).await;
    let measured = Stack::with(parts, Ports::free()?, state, cancelled, work).await;
    engine.close().await?;
    let mut times = measured?;

    ui::heading("Create to first output, in ms");
    table::row("bare engine, booted", &times.booted);
    table::row("bare engine, restored", &times.restored);
    table::row("whole stack", &times.whole);
    let [whole, restored, booted] = [&mut times.whole, &mut times.restored, &mut times.booted]
        .map(|times| table::median(times).as_secs_f64());
    let little = table::judge("whole stack / bare engine's restore", whole / restored, BAR);
    let fast = table::judge_at_least("bare engine's boot / whole stack", booted / whole, FASTER);
    ensure!(little && fast, "bar missed");
    Ok(())
}

async fn measure(stack: &Stack, engine: &Bare, pager: &Path, rounds: u32) -> Result<Times> {
    // The first create boots the template and seals its snapshot.
    through_stack(stack, None).await?;
    let command_line = command_line(stack).await?;
    let snapshot = boot_snapshot(&stack.state().of(Role::Host).join("snapshots"))?;
    let mut times = Times::default();
    // The first of each finds cold page caches, or the working set not yet written down, and is not counted.
    for round in 0..=rounds {
        let whole = through_stack(stack, None).await?;
        let restored = engine
            .restore_to_output(2 * round, pager, &snapshot, COMMAND)
            .await?;
        let booted = engine
            .create_to_output(2 * round + 1, &command_line, COMMAND)
            .await?;
        if round > 0 {
            times.whole.push(whole);
            times.restored.push(restored);
            times.booted.push(booted);
        }
    }
    Ok(times)
}

/// The one snapshot of a booted template in `store`.
fn boot_snapshot(store: &Path) -> Result<PathBuf> {
    let mut entries = std::fs::read_dir(store)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let boot = entries.find(|entry| entry.file_name().to_string_lossy().starts_with("boot"));
    boot.map(|entry| entry.path())
        .with_context(|| format!("{} has no snapshot of a booted template", store.display()))
}
