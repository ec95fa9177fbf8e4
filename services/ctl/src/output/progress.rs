//! What moves while people wait; nothing does where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Runs `work` under a spinner that says `what`.
pub(crate) async fn waiting<T>(what: impl Into<String>, work: impl Future<Output = T>) -> T {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("a constant template");
    let bar = ProgressBar::new_spinner()
        .with_style(style)
        .with_message(what.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    let result = work.await;
    bar.finish_and_clear();
    result
}

/// Bytes on their way.
#[derive(Clone)]
pub(crate) struct Transfer {
    bar: ProgressBar,
}

/// A bar for the transfer of what is called `name`; `length` is none if nobody knows it.
pub(crate) fn transfer(name: &str, length: Option<u64>) -> Transfer {
    let template = if length.is_some() {
        "{msg} [{bar:32}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}"
    } else {
        "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}"
    };
    let style = ProgressStyle::with_template(template).expect("a constant template");
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    Transfer {
        bar: bar
            .with_style(style.progress_chars("=> "))
            .with_message(super::visible(name)),
    }
}

impl Transfer {
    /// So many more have arrived.
    pub(crate) fn add(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    /// Nothing moves any more.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
