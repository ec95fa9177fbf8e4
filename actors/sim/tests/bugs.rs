//! Each bug is found, by the rule that is there for it.

use roost_domain::bugs::Bug;
use roost_sim::bugs::{caught_by, choose};
use roost_sim::play::play;
use roost_sim::run::run_seed;

/// Seeds within which a bug has to be found.
const SEEDS: u64 = 200;

fn is_caught(bug: Bug) {
    choose(Some(bug)).unwrap();
    let broken = |seed| Some(run_seed(seed, play).violation?.invariant);
    let caught = (1..=SEEDS).any(|seed| broken(seed) == Some(caught_by(bug)));
    assert!(caught, "{} was not found in {SEEDS} seeds", bug.name());
}

#[test]
fn a_missing_generation_check_is_caught() {
    is_caught(Bug::SkipGenerationCheck);
}

#[test]
fn forgotten_command_ids_are_caught() {
    is_caught(Bug::ForgetDedupe);
}

#[test]
fn acting_before_the_commit_is_caught() {
    is_caught(Bug::ActBeforeCommit);
}
