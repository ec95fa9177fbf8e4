//! The rule of webhooks in seeded worlds: whoever dies between any two steps, whatever is lost on the way and however the
//! target answers, every commit arrives or is a dead letter, and none arrives before those that come before it.
//!
//! `ROOST_WEBHOOK_SEEDS=0..100000` runs more, `ROOST_WEBHOOK_SEEDS=17..18` one again: a seed tells everything that happens.

mod book;
mod line;
mod play;

use std::ops::Range;

use line::Climate;
use play::{Outcome, play};

/// What is run if nobody asks for more.
const SEEDS: Range<u64> = 0..200;
/// The life whose every step is its last once.
const LIFE: u64 = 3;

#[test]
fn nothing_is_lost_or_out_of_order_whatever_goes_wrong() {
    let asked = std::env::var("ROOST_WEBHOOK_SEEDS").ok();
    let range = asked.as_deref().map(|text| {
        let (first, end) = text.split_once("..").expect("a range such as 0..1000");
        first.parse().unwrap()..end.parse().unwrap()
    });
    let mut all = Outcome::default();
    for seed in range.unwrap_or(SEEDS) {
        all.add(&play(seed, Climate::of(seed), None));
    }
    if asked.is_none() {
        let Outcome {
            deaths,
            repeated,
            put_aside,
            redelivered,
            ..
        } = all;
        assert!(
            [deaths, repeated, put_aside, redelivered]
                .iter()
                .all(|count| *count > 20),
            "too little goes wrong for this to show anything: {all:?}"
        );
    }
}

#[test]
fn each_step_may_be_the_last_of_a_life() {
    let whole = play(LIFE, Climate::mild(), None);
    assert!(
        whole.put_aside > 0 && whole.redelivered > 0 && whole.deaths == 0,
        "{whole:?}"
    );
    for step in 1..=whole.steps {
        let outcome = play(LIFE, Climate::mild(), Some(step));
        assert_eq!(outcome.deaths, 1, "at step {step}");
    }
}
