//! `cargo xtask test`: everything that must hold, in an order that tells the cheap failures first.

mod checks;
mod runner;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

use crate::build::Profile;
use crate::leaks::{self, Inventory, Scope};
use crate::stack::Parts;
use crate::{chaos, fuzz, prepare, setup, sim, ui};

use runner::Run;

/// What `test` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only this.
    #[arg(value_enum)]
    category: Option<Category>,
    /// Only tests whose name contains one of these.
    #[arg(last = true, value_name = "FILTER")]
    filters: Vec<String>,
}

/// The round of chaos, with another seed each time: it is printed, and so is how to replay it.
const CHAOS: chaos::Options = chaos::Options {
    minutes: 10,
    seed: None,
};

/// A part of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Category {
    /// Formatting, lints, licences and advisories.
    Static,
    /// The tests of every crate, and the examples in their documentation.
    Unit,
    /// Arbitrary input for the guest's agent, briefly.
    Fuzz,
    /// The domain and the runtime in seeded worlds where everything fails; and that bugs are found there.
    Sim,
    /// Tests that run the whole of Roost.
    E2e,
    /// What an attacker would try, from inside a VM and from outside, on the whole of Roost.
    Security,
    /// Real sandboxes for ten minutes, while everything that runs is killed and stopped at random.
    Chaos,
}

/// What has been found so far.
#[derive(Debug)]
struct Report {
    began: Instant,
    counts: Counts,
    failures: Vec<String>,
    /// When each part began.
    parts: Vec<(&'static str, Instant)>,
}

/// How many tests ended which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Report {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            counts: Counts::default(),
            failures: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// From now on it is about `part`.
    fn part(&mut self, part: &'static str) {
        ui::heading(part);
        self.begins(part);
    }

    /// The same of a part that prints a heading of its own.
    fn begins(&mut self, part: &'static str) {
        self.parts.push((part, Instant::now()));
    }

    /// How long everything took, and each part of it.
    fn times(&self) {
        let ends = self.parts.iter().skip(1).map(|(_, began)| *began);
        println!();
        for ((part, began), end) in self.parts.iter().zip(ends.chain([Instant::now()])) {
            println!("  {part:<48} {:>16}", ui::seconds(end.duration_since(*began)));
        }
        println!("Took {}", ui::seconds(self.began.elapsed()));
    }

    /// Takes note of a check that counts as one test.
    fn note(&mut self, what: &str, result: Result<()>) {
        self.counts.add(Counts {
            passed: result.is_ok().into(),
            failed: result.is_err().into(),
        });
        self.failed(what, result);
    }

    /// Takes note of a run of many tests.
    fn note_run(&mut self, what: &str, result: Result<Run>) {
        let outcome = result.and_then(|run| {
            self.counts.add(run.counts);
            run.outcome
        });
        self.failed(what, outcome);
    }

    fn failed(&mut self, what: &str, result: Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) => {
                println!("  {what}: {error:#}");
                self.failures.push(what.to_owned());
            }
        }
    }
}

/// Runs what was asked for and fails if anything did.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    let wanted = |category| options.category.is_none_or(|only| only == category);
    let mut report = Report::new();
    // The lints build every crate, and that takes some of the packages.
    stop_at(cancelled, async { setup::run().await.map(drop) }).await?;
    if wanted(Category::Static) {
        report.part("Static checks");
        stop_at(cancelled, checks::all(&mut report)).await?;
    }
    if wanted(Category::Fuzz) && options.filters.is_empty() {
        report.part("Fuzzing");
        stop_at(cancelled, async {
            report.note("fuzzing", fuzz::briefly().await);
            Ok(())
        })
        .await?;
    }
    // A filter names tests, and this is none.
    if wanted(Category::Sim) && options.filters.is_empty() {
        report.part("Simulator");
        stop_at(cancelled, simulator(&mut report)).await?;
    }
    let chaos = wanted(Category::Chaos) && options.filters.is_empty();
    let whole = [Category::E2e, Category::Security].into_iter().any(wanted);
    if wanted(Category::Unit) || whole || chaos {
        report.begins("Preparing");
        let parts = prepare::parts(Profile::Dev, cancelled).await?;
        let before = Inventory::take(&Scope::Machine)?;
        if wanted(Category::Unit) {
            stop_at(cancelled, unit(&parts, &options.filters, &mut report)).await?;
        }
        for (category, what, selection) in [
            (Category::E2e, "End-to-end tests", runner::END_TO_END),
            (Category::Security, "Security tests", runner::SECURITY),
        ] {
            if wanted(category) {
                report.part(what);
                let tests = stop_at(cancelled, runner::run(&parts, selection, &options.filters)).await;
                report.note_run(&what.to_lowercase(), tests);
            }
        }
        if chaos {
            // It ends by itself when it is cancelled, and takes its stack down.
            report.begins("Chaos");
            let round = Box::pin(chaos::round(parts, CHAOS, cancelled));
            report.note("chaos", round.await);
        }
        report.part("Left behind");
        report.note("leaks", nothing_left(&before).await);
    }
    if cancelled.is_cancelled() {
        bail!("interrupted");
    }
    report.times();
    println!("{} passed, {} failed", report.counts.passed, report.counts.failed);
    if !report.failures.is_empty() {
        bail!("failed: {}", report.failures.join(", "));
    }
    Ok(())
}

async fn simulator(report: &mut Report) -> Result<()> {
    report.note("simulator", sim::briefly().await);
    report.note_run("the simulator's tests", runner::simulator().await);
    Ok(())
}

async fn unit(parts: &Parts, filters: &[String], report: &mut Report) -> Result<()> {
    report.part("Tests");
    report.note_run("tests", runner::run(parts, runner::CRATES, filters).await);
    if filters.is_empty() {
        report.part("Documentation's examples");
        report.note_run("documentation's examples", runner::documentation(parts).await);
    }
    Ok(())
}

async fn nothing_left(before: &Inventory) -> Result<()> {
    let left = leaks::left_since(before, &Scope::Machine).await?;
    if left.is_empty() {
        ui::detail("nothing");
        return Ok(());
    }
    let list: Vec<String> = left.iter().map(ToString::to_string).collect();
    bail!(
        "the tests left something on this machine (or another Roost was started meanwhile):\n{}",
        list.join("\n")
    )
}

async fn stop_at<T>(cancelled: &CancellationToken, work: impl Future<Output = Result<T>>) -> Result<T> {
    cancelled
        .run_until_cancelled(work)
        .await
        .unwrap_or_else(|| bail!("interrupted"))
}
