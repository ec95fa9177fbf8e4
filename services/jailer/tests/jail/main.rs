//! What a jailed program can do, told by one: this test, which the jailer runs as its engine.
//!
//! It needs root, as the host does.

mod inside;
mod outside;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    // A jailer tells its engine an id first, and no test runner does.
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--id") {
        return inside::act(&words.nth(1).unwrap_or_default());
    }
    let trials = outside::CASES
        .iter()
        .map(|(name, case)| Trial::test(*name, || case().map_err(Into::into)))
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
