//! From a create to the first output of a command when the template is booted: through the whole stack, and with the bare
//! engine doing the same.
//!
//! A template with other than its own memory is booted every time. Both boot the same image from the same kernel with the same devices, in a network slot made beforehand, and run the
//! same command through the guest's agent. They take turns, so that a change of the machine's load meets both.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bare::Bare;
use super::table;
use crate::build::Profile;
use crate::stack::{Ports, Stack, StateFolder};
use crate::{prepare, ui};

/// What the whole stack may take, as a multiple of the bare engine.
const BAR: f64 = 1.15;
/// The template that both boot.
pub(super) const TEMPLATE: &str = "minimal";
/// The command that both run, and what it prints.
pub(super) const COMMAND: (&str, &str) = ("echo", "hello");
/// Memory in MiB that is not the template's, which has a snapshot.
const MEMORY_MIB: u64 = 160;

/// Measures `rounds` of each.
pub(super) async fn run(rounds: u32, cancelled: &CancellationToken) -> Result<()> {
    let parts = prepare::parts(Profile::Release, cancelled).await?;
    let state = StateFolder::temporary("bench")?;
    let engine = Bare::open(&parts.images, TEMPLATE, &parts.binaries, Some(MEMORY_MIB)).await?;
    let work = async |stack: &Stack| measure(stack, &engine, rounds).await;
    let measured = Stack::with(parts, Ports::free()?, state, cancelled, work).await;
    engine.close().await?;
    let (mut whole, mut bare) = measured?;

    ui::heading("Create to first output, in ms");
    table::row("bare engine", &bare);
    table::row("whole stack", &whole);
    let (whole, bare) = (table::median(&mut whole), table::median(&mut bare));
    println!(
        "  medians: bare engine {} ms, whole stack {} ms",
        bare.as_millis(),
        whole.as_millis()
    );
    ensure!(
        table::judge(
            "whole stack / bare engine",
            whole.as_secs_f64() / bare.as_secs_f64(),
            BAR
        ),
        "bar missed"
    );
    Ok(())
}

async fn measure(stack: &Stack, engine: &Bare, rounds: u32) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut whole, mut bare) = (Vec::new(), Vec::new());
    let command_line = command_line(stack).await?;
    // The first of each finds cold page caches and is not counted.
    for round in 0..=rounds {
        let one = through_stack(stack, Some(MEMORY_MIB)).await?;
        let other = engine.create_to_output(round, &command_line, COMMAND).await?;
        if round > 0 {
            whole.push(one);
            bare.push(other);
        }
    }
    Ok((whole, bare))
}

/// What the host boots its guests with, asked of one of them, so that the bare engine is told the same.
pub(super) async fn command_line(stack: &Stack) -> Result<String> {
    let api = stack.api();
    let sandbox = api.create(&json!({"template": TEMPLATE})).await?.id;
    let output = api
        .exec(&sandbox, &json!({"cmd": "cat", "args": ["/proc/cmdline"]}))
        .await?;
    api.kill(&sandbox).await?;
    ensure!(
        output.exit_code == 0,
        "cannot read the guest's command line: {output:?}"
    );
    Ok(output.stdout.trim().to_owned())
}

/// A create and a command in it, with `memory_mb` if it is not to be the template's.
pub(super) async fn through_stack(stack: &Stack, memory_mb: Option<u64>) -> Result<Duration> {
    let api = stack.api();
    let mut request = json!({"template": TEMPLATE});
    if let Some(memory) = memory_mb {
        request["memory_mb"] = memory.into();
    }
    let began = Instant::now();
    let sandbox = api.create(&request).await?.id;
    let output = api
        .exec(&sandbox, &json!({"cmd": COMMAND.0, "args": [COMMAND.1]}))
        .await?;
    let took = began.elapsed();
    ensure!(output.stdout.trim() == COMMAND.1, "unexpected output {output:?}");
    api.kill(&sandbox).await?;
    Ok(took)
}
