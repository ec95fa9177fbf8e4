//! `cargo xtask fuzz`: throws arbitrary input at the guest's agent and at what reads manifests, for a bounded time.
//!
//! The targets are `fuzz/`, which `cargo fuzz` runs as well. Here they are built without it, by the stable compiler: coverage
//! comes from LLVM's own pass, and no sanitizer is needed where there is no unsafe code of ours.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use crate::process::{self, Stream};
use crate::setup::apt::{self, Brings, Package};
use crate::{build, repository, ui};

/// What `fuzz` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = DEFAULT_SECONDS, value_name = "N")]
    seconds: u64,
    /// Only this target.
    target: Option<String>,
}

/// libFuzzer is C++.
const COMPILER: Package = Package {
    name: "g++",
    brings: Brings::Program("c++"),
};

/// How long each target runs as part of the tests.
pub const DEFAULT_SECONDS: u64 = 10;

/// The binaries of `fuzz/`; its seeds lie in folders of the same names.
const TARGETS: [&str; 4] = ["envelope", "files_query", "manifest", "multipart"];

/// The platform is named so that the flags do not reach build scripts, which are not fuzzed.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What makes the compiler count which code an input reaches, and which comparisons it nearly passed.
const FLAGS: [&str; 7] = [
    "--cfg",
    "fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// An input that takes longer is a finding, in seconds.
const HANG: u64 = 20;

/// A target that takes more memory is a finding, in MiB.
const MEMORY: u64 = 1024;

/// Longest input, in bytes.
const LONGEST: u64 = 4096;

/// Lines of a finding's report that are shown.
const SHOWN: usize = 40;

/// Builds and runs the targets.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    let targets = chosen(options.target.as_deref())?;
    let all = all(&targets, Duration::from_secs(options.seconds));
    cancelled
        .run_until_cancelled(all)
        .await
        .unwrap_or_else(|| bail!("interrupted"))
}

/// Every target for as long as the tests have time.
pub async fn briefly() -> Result<()> {
    all(&TARGETS, Duration::from_secs(DEFAULT_SECONDS)).await
}

fn chosen(name: Option<&str>) -> Result<Vec<&'static str>> {
    let Some(name) = name else {
        return Ok(TARGETS.to_vec());
    };
    let target = TARGETS.into_iter().find(|target| *target == name);
    let target =
        target.with_context(|| format!("there is no target {name:?}, only {}", TARGETS.join(", ")))?;
    Ok(vec![target])
}

async fn all(targets: &[&'static str], time: Duration) -> Result<()> {
    let folder = repository::root().join("target/fuzz");
    ui::step("fuzz targets", compile(&folder)).await?;
    let mut failed = Vec::new();
    for target in targets {
        let ran = ui::step(target, one(&folder, target, time)).await;
        match ran {
            Ok(executions) => ui::detail(format!("{executions} executions")),
            Err(error) => {
                ui::detail(format!("{error:#}"));
                failed.push(*target);
            }
        }
    }
    if !failed.is_empty() {
        bail!("found something in {}", failed.join(", "));
    }
    Ok(())
}

async fn compile(folder: &Path) -> Result<()> {
    apt::ensure(&[COMPILER]).await?;
    let mut command = build::command();
    command
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "roost-fuzz",
            "--bins",
        ])
        .args(["--profile", "fuzz", "--target", PLATFORM, "--target-dir"])
        .arg(folder)
        .env("RUSTFLAGS", FLAGS.join(" "))
        // A wrapper's or a caller's flags would come instead of these.
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut command).await.map(drop)
}

/// Runs one target and returns how many inputs it tried.
async fn one(folder: &Path, target: &str, time: Duration) -> Result<u64> {
    let corpus = made(folder.join("corpus").join(target))?;
    let findings = made(folder.join("findings").join(target))?;
    let mut command = tokio::process::Command::new(folder.join(PLATFORM).join("fuzz").join(target));
    command
        .arg(&corpus)
        .arg(repository::root().join("fuzz/seeds").join(target))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args([format!("-timeout={HANG}"), format!("-rss_limit_mb={MEMORY}")])
        .args([&format!("-max_len={LONGEST}"), "-print_final_stats=1"]);
    let mut executions = None;
    let mut last = VecDeque::new();
    let status = process::run_lines(&mut command, Stream::Err, |line| {
        executions = executed(line).or(executions);
        if last.len() == SHOWN {
            last.pop_front();
        }
        last.push_back(line.to_owned());
    })
    .await?;
    if !status.success() {
        let last: Vec<String> = last.into();
        bail!(
            "{target} ({status}); its input is in {}:\n{}",
            findings.display(),
            last.join("\n")
        );
    }
    executions.with_context(|| format!("{target} did not say how many inputs it tried"))
}

/// The figure in libFuzzer's final statistics.
fn executed(line: &str) -> Option<u64> {
    line.strip_prefix("stat::number_of_executed_units:")?
        .trim()
        .parse()
        .ok()
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_target_is_known_and_has_seeds() {
        let root = repository::root().join("fuzz");
        let names = |folder: &str| -> BTreeSet<String> {
            let entries = std::fs::read_dir(root.join(folder)).unwrap();
            entries
                .map(|entry| {
                    entry
                        .unwrap()
                        .file_name()
                        .into_string()
                        .unwrap()
                        .replace(".rs", "")
                })
                .collect()
        };
        let known: BTreeSet<String> = TARGETS.iter().map(ToString::to_string).collect();
        assert_eq!(names("targets"), known);
        assert_eq!(names("seeds"), known);
        assert!(chosen(Some("nothing")).is_err());
    }

    #[test]
    fn reads_what_libfuzzer_counts() {
        assert_eq!(executed("stat::number_of_executed_units: 12345"), Some(12345));
        assert_eq!(executed("stat::peak_rss_mb: 5"), None);
    }
}
