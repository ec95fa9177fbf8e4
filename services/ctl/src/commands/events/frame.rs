//! One event, as the gateway frames it and as people read it.

use std::io::Write;

use anstyle::Style;
use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use crate::output::{Output, of_state, visible};

/// What matters of a frame.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    /// Where its commit stands in the log.
    pub(super) sequence: u64,
    /// RFC 3339.
    at: String,
    /// What it is about; absent: the stream itself tells something.
    pub(super) subject: Option<String>,
    /// What happened.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The details.
    #[serde(default)]
    pub(super) data: Value,
    /// Whether another event of this very commit follows.
    #[serde(default)]
    pub(super) more: bool,
}

/// Prints events, each on a line of its own.
pub(super) struct Printer {
    output: Output,
}

impl Printer {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Prints one; `whole` is what the gateway sent.
    pub(super) fn print(&mut self, frame: &Frame, whole: &Value) -> Result<()> {
        if self.output.is_json() {
            // Not through a lock that is kept: whoever reads the pipe wants each line as it comes.
            writeln!(std::io::stdout(), "{whole}")?;
            return Ok(());
        }
        let subject = frame.subject.as_deref().unwrap_or_default();
        let about = subject.splitn(4, '.').nth(3).unwrap_or(subject);
        let (dim, bold) = (Style::new().dimmed(), of_state(&frame.kind));
        let data = match &frame.data {
            Value::Null => String::new(),
            data => data.to_string(),
        };
        writeln!(
            anstream::stdout(),
            "{:>8}  {dim}{}{dim:#}  {:<28}  {bold}{}{bold:#}  {dim}{}{dim:#}",
            frame.sequence,
            visible(&frame.at),
            visible(about),
            visible(&frame.kind),
            visible(&data),
        )?;
        Ok(())
    }
}
