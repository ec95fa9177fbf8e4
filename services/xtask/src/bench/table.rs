//! Figures side by side with what is wanted of them.

use std::time::Duration;

/// The middle of `times`, which must not be empty.
pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Prints the verdict on a ratio that must not be above `bar`, and returns whether it is met.
pub(super) fn judge(what: &str, ratio: f64, bar: f64) -> bool {
    verdict(what, ratio, bar, ratio <= bar)
}

/// Prints the verdict on a ratio that must not be below `bar`, and returns whether it is met.
pub(super) fn judge_at_least(what: &str, ratio: f64, bar: f64) -> bool {
    verdict(what, ratio, bar, ratio >= bar)
}

fn verdict(what: &str, ratio: f64, bar: f64, met: bool) -> bool {
    println!(
        "  {what:<44} {ratio:>6.3}x   bar {bar:.2}x   {}",
        if met { "pass" } else { "FAIL" }
    );
    met
}

/// Prints one row of times in milliseconds.
pub(super) fn row(what: &str, times: &[Duration]) {
    let shown: Vec<String> = times
        .iter()
        .map(|time| format!("{:>7}", time.as_millis()))
        .collect();
    println!("  {what:<24} {}", shown.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_an_outlier() {
        let mut times = [5, 1, 900, 3, 4].map(Duration::from_millis);
        assert_eq!(median(&mut times), Duration::from_millis(4));
    }
}
