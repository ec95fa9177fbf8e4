//! What a person sees while the tool works: steps with their times, progress, headings.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// A line above a group of steps.
pub fn heading(text: &str) {
    println!("\n{text}");
}

/// A line of detail under a step.
pub fn detail(text: impl AsRef<str>) {
    for line in text.as_ref().lines() {
        println!("    {line}");
    }
}

/// Runs `work` under a spinner named `what` and then prints how long it took.
pub async fn step<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let bar = spinner(what);
    let began = Instant::now();
    let result = work.await;
    bar.finish_and_clear();
    let mark = if result.is_ok() { "ok" } else { "FAILED" };
    println!("  {what:<48} {mark:>6} {:>9}", seconds(began.elapsed()));
    result
}

/// An animated line for work of unknown length; invisible when output is not a terminal.
pub fn spinner(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}").expect("a constant template");
    let bar = ProgressBar::new_spinner()
        .with_style(style)
        .with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A bar for work of `length` parts.
pub fn bar(what: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix} [{bar:32}] {pos}/{len} {wide_msg}")
        .expect("a constant template")
        .progress_chars("=> ");
    ProgressBar::new(length)
        .with_style(style)
        .with_prefix(what.to_owned())
}

/// A duration as people read it.
pub fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
