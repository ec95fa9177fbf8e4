//! Running tests by cargo-nextest, or by `cargo test` where nextest is not installed, and counting them.

use std::io::IsTerminal;

use anyhow::{Result, anyhow};
use tokio::process::Command;

use super::Counts;
use crate::process::{self, Stream};
use crate::stack::Parts;
use crate::{build, sim};

/// The arguments that select the tests of all crates; end-to-end tests take a feature that is off by default.
pub(super) const CRATES: &[&str] = &[build::ALL, "--lib", "--bins", "--tests"];
/// The arguments that select the end-to-end tests.
pub(super) const END_TO_END: &[&str] = &[build::ALL, "--features", "xtask/e2e", "--test", "e2e"];
/// The arguments that select the security tests.
pub(super) const SECURITY: &[&str] = &[build::ALL, "--features", "xtask/e2e", "--test", "security"];

/// The arguments that select the simulator's own tests.
const SIMULATOR: &[&str] = &[build::ALL, "--test", "bugs", "--test", "replay"];

/// Reads counts from a line, if it tells them.
type Count = fn(&str) -> Option<Counts>;

/// A run of tests.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) counts: Counts,
    /// Whether the runner was content.
    pub(super) outcome: Result<()>,
}

/// Runs the selected tests.
pub(super) async fn run(parts: &Parts, selection: &[&str], filters: &[String]) -> Result<Run> {
    let (mut command, stream, count) = runner(selection, filters);
    command.env("PATH", process::path_with(&parts.nats_server));
    counted(command, stream, count).await
}

/// Runs the simulator's own tests, which need nothing but the compiler.
pub(super) async fn simulator() -> Result<Run> {
    let (command, stream, count) = runner(&[SIMULATOR, &sim::BUGS].concat(), &[]);
    counted(command, stream, count).await
}

/// What runs the tests that `selection` and `filters` name, where it tells of them, and how that is read.
fn runner(selection: &[&str], filters: &[String]) -> (Command, Stream, Count) {
    let mut command = build::command();
    if process::find("cargo-nextest").is_some() {
        command
            .args(["nextest", "run", "--locked"])
            .args(selection)
            .args(filters);
        return (command, Stream::Err, in_nextest_summary);
    }
    command
        .args(["test", "--no-fail-fast", "--locked"])
        .args(selection)
        .arg("--")
        .args(filters);
    (command, Stream::Out, in_libtest_result)
}

/// Runs the examples in the documentation, which nextest does not.
pub(super) async fn documentation(parts: &Parts) -> Result<Run> {
    let mut command = build::command();
    command.args(["test", "--quiet", "--doc", "--workspace", "--locked"]);
    command.env("PATH", process::path_with(&parts.nats_server));
    counted(command, Stream::Out, in_libtest_result).await
}

async fn counted(mut command: Command, stream: Stream, count: Count) -> Result<Run> {
    let colour = if std::io::stderr().is_terminal() {
        "always"
    } else {
        "never"
    };
    command.env("CARGO_TERM_COLOR", colour);
    // An error that a test returns says where it comes from; a hundred frames of a runtime above it hide it.
    command.env("RUST_LIB_BACKTRACE", "0");
    let mut counts = Counts::default();
    let status = process::run_lines(&mut command, stream, |line| {
        println!("{line}");
        counts.add(count(line).unwrap_or_default());
    })
    .await?;
    let failed = || anyhow!("{} ({status})", process::describe(&command));
    Ok(Run {
        counts,
        outcome: status.success().then_some(()).ok_or_else(failed),
    })
}

/// `     Summary [   1.234s] 42 tests run: 41 passed (2 slow), 1 failed, 1 timed out, 3 skipped`
fn in_nextest_summary(line: &str) -> Option<Counts> {
    let line = plain(line);
    let (before, after) = line.trim_start().strip_prefix("Summary ")?.split_once(" run: ")?;
    let mut words = before.rsplit(' ');
    words.next().filter(|word| word.starts_with("test"))?;
    let ran: usize = words.next()?.parse().ok()?;
    let passed = number_before(after, " passed").unwrap_or_default();
    Some(Counts {
        passed,
        failed: ran.saturating_sub(passed),
    })
}

/// `test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn in_libtest_result(line: &str) -> Option<Counts> {
    let line = plain(line);
    let numbers = line.strip_prefix("test result: ")?;
    Some(Counts {
        passed: number_before(numbers, " passed")?,
        failed: number_before(numbers, " failed")?,
    })
}

fn number_before(text: &str, word: &str) -> Option<usize> {
    text.split_once(word)?.0.rsplit(' ').next()?.parse().ok()
}

/// `line` without terminal colours.
fn plain(line: &str) -> String {
    let parts = line.split('\u{1b}').enumerate();
    parts
        .map(|(n, part)| {
            if n == 0 {
                part
            } else {
                part.split_once('m').map_or("", |(_, rest)| rest)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_both_runners() {
        let counts = |passed, failed| Some(Counts { passed, failed });
        let nextest =
            "     Summary [   1.234s] 42 tests run: 40 passed (1 slow), 1 failed, 1 timed out, 3 skipped";
        assert_eq!(in_nextest_summary(nextest), counts(40, 2));
        assert_eq!(
            in_nextest_summary("     Summary [   0.034s] 1 test run: 1 passed, 2 skipped"),
            counts(1, 0)
        );
        assert_eq!(
            in_nextest_summary("     Summary [   0.034s] 3 tests run: 0 passed, 3 failed"),
            counts(0, 3)
        );
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   1.2s] \u{1b}[1m42\u{1b}[0m tests run: \u{1b}[1m42\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 0 skipped";
        assert_eq!(in_nextest_summary(coloured), counts(42, 0));
        assert_eq!(in_nextest_summary("    Starting 3 tests across 2 binaries"), None);
        let libtest = "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(in_libtest_result(libtest), counts(5, 2));
        assert_eq!(in_libtest_result("test leaks::x ... ok"), None);
    }
}
