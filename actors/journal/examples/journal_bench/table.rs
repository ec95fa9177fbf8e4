//! Results as they are printed.

use std::time::Duration;

/// A line each for what was measured.
pub(crate) struct Table {
    rows: Vec<[String; 6]>,
    met: bool,
}

/// On which side of the bar a ratio must be.
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Shown, not judged.
    None,
}

impl Table {
    pub(crate) fn new() -> Self {
        let head = ["measure", "ours", "raw", "ratio", "bar", ""].map(str::to_owned);
        Self {
            rows: vec![head],
            met: true,
        }
    }

    pub(crate) fn times(&mut self, measure: &str, ours: Duration, raw: Duration, bar: &Bar) {
        let show = |time: Duration| format!("{:.0} us", time.as_secs_f64() * 1e6);
        self.row(
            measure,
            show(ours),
            show(raw),
            ours.as_secs_f64() / raw.as_secs_f64(),
            bar,
        );
    }

    pub(crate) fn rates(&mut self, measure: &str, ours: f64, raw: f64, bar: &Bar) {
        let show = |rate: f64| format!("{rate:.0}/s");
        self.row(measure, show(ours), show(raw), ours / raw, bar);
    }

    fn row(&mut self, measure: &str, ours: String, raw: String, ratio: f64, bar: &Bar) {
        let (bar, met) = match bar {
            Bar::AtMost(most) => (format!("<= {most}"), Some(ratio <= *most)),
            Bar::AtLeast(least) => (format!(">= {least}"), Some(ratio >= *least)),
            Bar::None => (String::new(), None),
        };
        self.met &= met.unwrap_or(true);
        let verdict = met.map_or("", |met| if met { "met" } else { "MISSED" });
        self.rows.push([
            measure.to_owned(),
            ours,
            raw,
            format!("{ratio:.2}"),
            bar,
            verdict.to_owned(),
        ]);
    }

    pub(crate) fn print(&self) {
        for [measure, ours, raw, ratio, bar, verdict] in &self.rows {
            println!("{measure:<44} {ours:>12} {raw:>12} {ratio:>6} {bar:>7} {verdict}");
        }
    }

    pub(crate) fn all_met(&self) -> bool {
        self.met
    }
}

/// The value below which `percent` of the sorted `samples` are.
pub(crate) fn percentile<T: Copy>(samples: &[T], percent: usize) -> T {
    samples[(samples.len() * percent / 100).min(samples.len() - 1)]
}
