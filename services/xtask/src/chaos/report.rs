//! What a round prints.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::PROCESSES;
use super::faults::{Tally, Target};
use super::history::History;
use super::hook::Hook;
use super::invariants::acknowledged;
use super::invariants::life::word;
use super::notebook::{Broken, Notebook};
use crate::leaks::Trace;
use crate::stack::Stack;
use crate::{repository, ui};

/// Commits of a sandbox that are shown with what is wrong with it.
const SHOWN: usize = 25;

/// What is known of a round.
pub(super) struct Report {
    seed: u64,
    minutes: u64,
    tally: Tally,
    lines: Vec<(&'static str, String)>,
    lost: usize,
    broken: Vec<(Broken, Vec<String>)>,
    left: Vec<Trace>,
    logs: Option<PathBuf>,
}

impl Report {
    pub(super) fn new(seed: u64, minutes: u64) -> Self {
        Self {
            seed,
            minutes,
            tally: Tally::default(),
            lines: Vec::new(),
            lost: 0,
            broken: Vec::new(),
            left: Vec::new(),
            logs: None,
        }
    }

    /// Takes note of who was met by faults.
    pub(super) fn faults(&mut self, tally: Tally) {
        self.tally = tally;
    }

    /// Takes note of what the clients and the log tell.
    pub(super) fn findings(&mut self, history: &History, hook: &Hook, notebook: &Notebook) {
        self.lost = acknowledged::count(notebook);
        let pages = notebook.open();
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for one in &pages.acknowledged {
            *told.entry(one.told.word()).or_default() += 1;
        }
        let sandboxes = history.sandboxes().count();
        let (ends, reverted) = ends(history);
        self.lines = vec![
            (
                "acknowledged",
                format!("{}: {}", pages.acknowledged.len(), counted(&told)),
            ),
            ("repeated alike", pages.repeated.to_string()),
            ("refused", counted(&pages.refused)),
            ("never known", pages.unknown.to_string()),
            (
                "commits",
                format!("{} of {sandboxes} sandboxes", history.entries.len()),
            ),
            ("sandboxes", format!("{}, reverted {reverted}", counted(&ends))),
            ("host given up", history.down.len().to_string()),
            ("webhook", hook.summary(history)),
        ];
        let explained = |broken: &Broken| (broken.clone(), told_by(history, broken));
        self.broken = pages.broken.iter().map(explained).collect();
    }

    /// Takes note of what is left on the machine.
    pub(super) fn left(&mut self, left: Vec<Trace>) {
        self.left = left;
    }

    /// Whether anything is wrong so far.
    pub(super) fn failed(&self) -> bool {
        !self.broken.is_empty() || !self.left.is_empty()
    }

    /// Puts the processes' logs where they outlive the stack.
    pub(super) fn keep_logs(&mut self, stack: &Stack) -> Result<()> {
        let folder = repository::root()
            .join("target/chaos")
            .join(self.seed.to_string());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for role in PROCESSES {
            let log = stack.state().log(role);
            if let Some(name) = log.file_name().filter(|_| log.is_file()) {
                fs::copy(&log, folder.join(name))
                    .with_context(|| format!("cannot copy {}", log.display()))?;
            }
        }
        self.logs = Some(folder);
        Ok(())
    }

    /// How the same can be asked for again.
    pub(super) fn replay(&self) -> String {
        let commit = Command::new("git")
            .args(["rev-parse", "--short", "HEAD"])
            .current_dir(repository::root())
            .output();
        let commit = commit.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
        format!(
            "again: cargo xtask chaos --minutes {} --seed {}   (commit {})",
            self.minutes,
            self.seed,
            commit.unwrap_or_default()
        )
    }

    pub(super) fn print(&self) {
        let line = |name: &str, value: &str| ui::detail(format!("{name:<16} {value}"));
        line("seed", &self.seed.to_string());
        line("kill -9", &met(&self.tally.kills));
        line("stopped", &met(&self.tally.stops));
        for (name, value) in &self.lines {
            line(name, value);
        }
        line("lost", &self.lost.to_string());
        line("broken", &self.broken.len().to_string());
        line("leaked", &self.left.len().to_string());
        for (broken, told) in &self.broken {
            println!("\n  {}: {}", broken.invariant, broken.seen);
            ui::detail(told.join("\n"));
        }
        for trace in &self.left {
            println!("  left behind: {trace}");
        }
        if let Some(logs) = &self.logs {
            println!("\n  the processes' logs are kept in {}", logs.display());
        }
    }

    /// An error that says how to replay it, if anything was found.
    pub(super) fn verdict(&self) -> Result<()> {
        if self.failed() {
            bail!(
                "{} invariants are broken and {} things left behind; {}",
                self.broken.len(),
                self.left.len(),
                self.replay()
            );
        }
        Ok(())
    }
}

fn met(faults: &BTreeMap<Target, usize>) -> String {
    let all: usize = faults.values().sum();
    let each: Vec<String> = faults
        .iter()
        .map(|(target, count)| format!("{target} {count}"))
        .collect();
    format!("{all}: {}", each.join(", "))
}

fn counted<K: AsRef<str>>(counts: &BTreeMap<K, usize>) -> String {
    let each: Vec<String> = counts
        .iter()
        .map(|(what, count)| format!("{} {count}", what.as_ref()))
        .collect();
    each.join(", ")
}

/// How many sandboxes ended in which way, and how many went back to a snapshot.
fn ends(history: &History) -> (BTreeMap<&'static str, usize>, usize) {
    let (mut ends, mut reverted) = (BTreeMap::new(), 0);
    for sandbox in history.sandboxes() {
        let life = history.life(sandbox);
        *ends.entry(life.phase.word()).or_default() += 1;
        reverted += usize::from(life.reverted);
    }
    (ends, reverted)
}

/// The last commits of the sandbox that something is wrong with.
fn told_by(history: &History, broken: &Broken) -> Vec<String> {
    let Some(sandbox) = &broken.sandbox else {
        return Vec::new();
    };
    let mut lines: Vec<String> = history
        .of(sandbox)
        .map(|entry| {
            let words: Vec<String> = entry.events.iter().map(word).collect();
            format!(
                "{:>6}  {}  {:<40} {}",
                entry.sequence,
                entry.stored_at.0,
                entry.command_id,
                words.join(" + ")
            )
        })
        .collect();
    lines.drain(..lines.len().saturating_sub(SHOWN));
    lines
}
