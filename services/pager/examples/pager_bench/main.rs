//! Measures the pager against the least that a handler of page faults can be: one that copies page by page from one flat
//! file, with nothing to look up and nothing else to do.
//!
//! `cargo run --release -p roost-pager --bins --example pager_bench`
//!
//! Both are processes of their own and take turns at serving a memory of 1 GiB; all files are in the page cache.
//! It prints a table and fails when a bar is missed. Ratios are what counts; the times are this machine's.

#![allow(
    unsafe_code,
    reason = "memory whose pages another process puts in place is read by address"
)]

mod content;
mod engine;
mod floor;
mod handler;
mod table;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use content::Content;
use engine::{Load, Order};
use handler::Handler;
use table::Table;

/// Pages of the memory: 1 GiB.
const PAGES: usize = 256 * 1024;
/// Pages that a guest wants first: 64 MiB here and there.
const WANTED: usize = 16 * 1024;
/// How often each is measured: in turn, so that a change of the machine's load meets all.
const ROUNDS: usize = 7;
/// Bytes of memory of its own that a pager may have.
const MEMORY_BAR: u64 = 2 << 20;
/// What the pager must reach of the other's throughput.
const THROUGHPUT_BAR: f64 = 0.9;
/// What it must avoid of a repeat's faults.
const PREFETCH_BAR: f64 = 0.9;

fn main() -> Result<ExitCode> {
    if let Some(outcome) = floor::instead() {
        return outcome.map(|()| ExitCode::SUCCESS);
    }
    println!("  writing {} MiB of snapshots ...", PAGES / 256 * 5 / 4);
    let content = Content::write(PAGES)?;
    let mut table = Table::default();
    let memory = throughput(&content, &mut table)?;
    let avoided = prefetch(&content)?;
    table.judge("prefetch: a repeat's faults avoided", avoided, PREFETCH_BAR);
    let kib = memory / 1024;
    table.judge_at_most(
        "the pager's own memory in MiB",
        memory,
        MEMORY_BAR,
        &format!("{kib} KiB"),
    );
    Ok(if table.all_met() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Faults on all of the memory, in turn with each handler; answers with the most memory that a pager had of its own.
fn throughput(content: &Content, table: &mut Table) -> Result<u64> {
    let mut memory = 0;
    for order in [Order::Sequential, Order::Random] {
        let pages = order.pages(PAGES, PAGES);
        let mut loads: [Vec<Load>; 3] = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            loads[0].push(floor_load(content, &pages)?);
            for (at, block) in [(1, "1"), (2, "16")] {
                let handler = Handler::pager(content, &["--block-pages", block])?;
                let load = engine::run(&handler, PAGES, &pages, |page| content.word(page))?;
                memory = memory.max(handler.private_memory()?);
                loads[at].push(load.with_faults(handler.status()?.faults)?);
            }
        }
        let [floor, single, blocks] = loads.map(best);
        let (Some(floor), Some(single), Some(blocks)) = (floor, single, blocks) else {
            bail!("nothing was measured");
        };
        table::heading(order.name());
        table::row("flat file, page by page", &floor);
        table::row("pager, page by page", &single);
        table::row("pager, as it is used", &blocks);
        let single = single.faults_per_second() / floor.faults_per_second();
        table.judge("page by page: faults/s, to the flat file", single, THROUGHPUT_BAR);
        let blocks = blocks.pages_per_second() / floor.pages_per_second();
        table.judge("as it is used: pages/s, to the flat file", blocks, THROUGHPUT_BAR);
    }
    Ok(memory)
}

/// The quickest round: whatever else the machine does only takes away.
fn best(loads: Vec<Load>) -> Option<Load> {
    loads.into_iter().min_by_key(|load| load.whole)
}

fn floor_load(content: &Content, pages: &[usize]) -> Result<Load> {
    let handler = Handler::floor(content)?;
    let load = engine::run(&handler, PAGES, pages, |page| content.flat_word(page))?;
    let faults = pages.len() as u64;
    load.with_faults(faults)
}

/// The part of the faults that a working set avoids when the same pages are wanted again, right from the beginning.
#[allow(clippy::cast_precision_loss, reason = "there are few")]
fn prefetch(content: &Content) -> Result<f64> {
    let file = content.folder().join("working-set");
    let file = file.to_str().context("the temporary folder's name is no text")?;
    let pages = Order::Random.pages(PAGES, WANTED);
    let faults = |arguments: &[&str]| -> Result<u64> {
        let handler = Handler::pager(content, arguments)?;
        engine::run(&handler, PAGES, &pages, |page| content.word(page))?;
        handler.save_working_set()?;
        Ok(handler.status()?.faults)
    };
    let first = faults(&["--record", file])?;
    let again = faults(&["--prefetch", file])?;
    println!("\n  {WANTED} pages here and there: {first} faults, and {again} with what was recorded of them");
    Ok(1.0 - again as f64 / first as f64)
}
