//! A seed says everything: run again, it leads to the same steps.

use roost_sim::play::play;
use roost_sim::run::{run_seed, run_traced};

/// Seeds that are run twice.
const SEEDS: std::ops::Range<u64> = 0..60;

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in SEEDS {
        let (first, second) = (run_seed(seed, play), run_seed(seed, play));
        assert!(first.steps > 100, "seed {seed} has only {} steps", first.steps);
        if first.hash != second.hash {
            differ(seed);
        }
    }
}

/// Fails with the first step in which two runs of `seed` differ.
fn differ(seed: u64) {
    let run = || run_traced(seed, usize::MAX, play).last;
    let first = run();
    for _ in 0..20 {
        let second = run();
        let step = first.iter().zip(&second).position(|(a, b)| a != b);
        if let Some(step) = step {
            let from = step.saturating_sub(10);
            panic!(
                "seed {seed}, step {step}:\n{:#?}\n{:#?}",
                &first[from..=step],
                &second[step]
            );
        }
    }
    panic!("seed {seed} had two traces, but not again in 20 runs");
}
