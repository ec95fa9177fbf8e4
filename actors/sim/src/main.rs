//! `roost-sim`: runs seeds of the simulator and says what they broke; see the library. `cargo xtask sim` builds and runs it.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use roost_domain::bugs::Bug;
use roost_sim::World;
use roost_sim::bugs::{self, NoBug};
use roost_sim::play::play;
use roost_sim::run::{Outcome, run_seeds, run_traced};

/// Runs the real domain and runtime in seeded worlds where everything fails.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds are run.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_name = "S")]
    first: u64,
    /// Only this seed.
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// How many of its last steps are shown.
    #[arg(long, default_value_t = 60, value_name = "N", requires = "seed")]
    steps: usize,
    /// Give everything a bug, and succeed if it is caught.
    #[arg(long, value_name = "BUG", value_parser = bugs::named)]
    bug: Option<Bug>,
    /// Threads; as many as there are cores if it is left out.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Failures after which no more seeds are begun.
const ENOUGH: usize = 5;
/// Seeds between two looks whether there are enough.
const ROUND: u64 = 20;

fn main() -> ExitCode {
    let options = Options::parse();
    match Summary::of(&options) {
        Ok(summary) => tell(&options, &summary),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What came of all seeds.
#[derive(Default)]
struct Summary {
    seeds: u64,
    steps: u64,
    took: Duration,
    threads: usize,
    failures: Vec<Outcome>,
}

impl Summary {
    fn of(options: &Options) -> Result<Self, NoBug> {
        bugs::choose(options.bug)?;
        let seeds = match options.seed {
            Some(_) => 0..0,
            None => options.first..options.first + options.seeds,
        };
        let caught = |all: &Self| match options.bug {
            Some(bug) => all.caught(bug).is_some(),
            None => all.failures.len() >= ENOUGH,
        };
        let began = Instant::now();
        let mut all = Self {
            threads: options.jobs.unwrap_or_else(cores).get(),
            ..Self::default()
        };
        if let Some(seed) = options.seed {
            all.add(run_traced(seed, options.steps, play));
        }
        let mut next = seeds.start;
        while next < seeds.end && !caught(&all) {
            let end = seeds.end.min(next + ROUND);
            all.round(next..end, options.bug);
            next = end;
            if std::io::stderr().is_terminal() {
                eprint!("\r{} of {} seeds", all.seeds, seeds.end - seeds.start);
            }
        }
        all.took = began.elapsed();
        all.failures.sort_by_key(|outcome| outcome.seed);
        Ok(all)
    }

    /// The first world in which `bug` broke the rule that is there for it.
    fn caught(&self, bug: Bug) -> Option<&Outcome> {
        let by = |outcome: &&Outcome| {
            let violation = outcome.violation.as_ref();
            violation.is_some_and(|violation| violation.invariant == bugs::caught_by(bug))
        };
        self.failures.iter().filter(by).min_by_key(|outcome| outcome.seed)
    }

    fn round(&mut self, seeds: Range<u64>, bug: Option<Bug>) {
        let outcomes = Mutex::new(Vec::new());
        let play = |world: &World| {
            // Each thread has its own; that it can be had was seen at the start.
            let _ = bugs::choose(bug);
            play(world)
        };
        run_seeds(seeds, self.threads, play, |outcome| {
            outcomes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(outcome);
        });
        for outcome in outcomes.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.add(outcome);
        }
    }

    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        if outcome.violation.is_some() {
            self.failures.push(outcome);
        }
    }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn tell(options: &Options, summary: &Summary) -> ExitCode {
    let Summary {
        seeds,
        steps,
        took,
        threads,
        failures,
    } = summary;
    let caught = options.bug.map(|bug| (bug, summary.caught(bug)));
    match &caught {
        None => failures.iter().for_each(|outcome| explain(options, outcome)),
        Some((_, outcome)) => outcome.iter().for_each(|outcome| explain(options, outcome)),
    }
    let seconds = took.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "nobody runs 2^52 steps")]
    let rate = *steps as f64 / seconds / *threads as f64;
    println!(
        "{seeds} seeds, {steps} steps in {seconds:.1} s on {threads} threads ({rate:.0} steps per second and thread), \
         {} violations",
        failures.len()
    );
    let good = match caught {
        None => failures.is_empty(),
        Some((bug, caught)) => {
            let word = if caught.is_some() { "caught" } else { "not caught" };
            println!("{} is {word}: \"{}\"", bug.name(), bugs::caught_by(bug));
            caught.is_some()
        }
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Says what a seed broke, and how to see it again.
fn explain(options: &Options, outcome: &Outcome) {
    let Some(violation) = &outcome.violation else {
        return;
    };
    println!(
        "seed {} breaks the rule \"{}\":",
        outcome.seed, violation.invariant
    );
    println!("  {}", violation.detail);
    println!("  its last steps:");
    for line in &outcome.last {
        println!("    {line}");
    }
    let bug = options
        .bug
        .map(|bug| format!(" --bug {}", bug.name()))
        .unwrap_or_default();
    println!("  again: cargo xtask sim --seed {}{bug}\n", outcome.seed);
}
