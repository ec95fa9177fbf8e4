//! `cargo xtask sim`: the real domain and runtime in seeded worlds where everything fails; see `actors/sim`.

use anyhow::{Result, bail};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::build;
use crate::process::{self, Stream};

/// What `sim` may be told; the simulator itself says what each of them means.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many seeds are run.
    #[arg(long, default_value_t = SEEDS, value_name = "N")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_name = "S")]
    first: u64,
    /// Only this seed.
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// How many of its last steps are shown.
    #[arg(long, value_name = "N", requires = "seed")]
    steps: Option<usize>,
    /// Give everything a bug, and succeed if it is caught: `skip-generation-check`, `forget-dedupe` or `act-before-commit`.
    #[arg(long, value_name = "BUG")]
    bug: Option<String>,
}

/// Seeds that are run as part of the tests.
const SEEDS: u64 = 2000;

/// What makes a build in which a bug can be chosen.
pub const BUGS: [&str; 2] = ["--features", "roost-sim/bugs"];

/// Builds the simulator and runs what was asked for.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    let mut arguments = match options.seed {
        Some(seed) => vec![format!("--seed={seed}")],
        None => vec![
            format!("--seeds={}", options.seeds),
            format!("--first={}", options.first),
        ],
    };
    arguments.extend(options.steps.map(|steps| format!("--steps={steps}")));
    arguments.extend(options.bug.map(|bug| format!("--bug={bug}")));
    cancelled
        .run_until_cancelled(simulate(&arguments))
        .await
        .unwrap_or_else(|| bail!("interrupted"))
}

/// As many seeds as the tests have time for.
pub async fn briefly() -> Result<()> {
    simulate(&[format!("--seeds={SEEDS}")]).await
}

async fn simulate(arguments: &[String]) -> Result<()> {
    let mut command = Command::new(build::simulator().await?);
    command.args(arguments);
    let status = process::run_lines(&mut command, Stream::Out, |line| println!("{line}")).await?;
    if !status.success() {
        bail!("the simulator found something ({status}), in {}", commit().await);
    }
    Ok(())
}

/// What a seed has to be replayed with: the commit, and whether anything was changed since.
async fn commit() -> String {
    let git = async |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(crate::repository::root()).args(arguments);
        process::run(&mut command).await.ok()
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]).await else {
        return "a tree that is no git repository".to_owned();
    };
    let status = git(&["status", "--porcelain", "--untracked-files=no"]).await;
    let with = match status {
        Some(changes) if !changes.trim().is_empty() => ", with changes",
        _ => "",
    };
    format!("commit {}{with}", commit.trim())
}
