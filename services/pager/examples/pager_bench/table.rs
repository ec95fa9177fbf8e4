//! Figures side by side, and what is wanted of them.

use std::time::Duration;

use crate::engine::Load;

/// Prints as it goes, and remembers whether all bars were met.
#[derive(Default)]
pub(crate) struct Table {
    missed: usize,
}

/// Prints what the columns are.
pub(crate) fn heading(name: &str) {
    println!(
        "\n  {name:<26} {:>10} {:>10} {:>9} {:>9}",
        "pages/s", "faults/s", "p50 µs", "p99 µs"
    );
}

/// Prints a round.
pub(crate) fn row(name: &str, load: &Load) {
    println!(
        "  {name:<26} {:>10.0} {:>10.0} {:>9.1} {:>9.1}",
        load.pages_per_second(),
        load.faults_per_second(),
        percentile(&load.faults, 50),
        percentile(&load.faults, 99)
    );
}

impl Table {
    /// Prints the verdict on a figure that must not be below `bar`.
    pub(crate) fn judge(&mut self, what: &str, figure: f64, bar: f64) {
        self.verdict(
            what,
            &format!("{figure:.3}"),
            &format!("at least {bar}"),
            figure >= bar,
        );
    }

    /// Prints the verdict on a figure that must not be above `bar`, shown as `text`.
    pub(crate) fn judge_at_most(&mut self, what: &str, figure: u64, bar: u64, text: &str) {
        let shown = format!("at most {} KiB", bar / 1024);
        self.verdict(what, text, &shown, figure <= bar);
    }

    fn verdict(&mut self, what: &str, figure: &str, bar: &str, met: bool) {
        let verdict = if met { "pass" } else { "FAIL" };
        println!("  {what:<42} {figure:>9}   {bar:<16} {verdict}");
        self.missed += usize::from(!met);
    }

    pub(crate) fn all_met(&self) -> bool {
        self.missed == 0
    }
}

/// Of times that are sorted, in microseconds.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let at = (times.len() * percent / 100).min(times.len() - 1);
    times[at].as_secs_f64() * 1e6
}
