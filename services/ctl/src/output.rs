//! What users see: tables, JSON, colours, progress.
//!
//! Results go to standard output, and nothing else does: everything that is said on the way goes to standard error.

mod format;
mod progress;
mod style;
mod table;

use std::io::{IsTerminal, Write};

use anyhow::Result;
use clap::ColorChoice;
use serde::Serialize;

pub(crate) use format::{age, bytes, labels, until, visible};
pub(crate) use progress::{transfer, waiting};
pub(crate) use style::of_state;
pub(crate) use table::{Cell, Table};

/// Sets for the whole process whether there are colours.
pub(crate) fn colours(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => return,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// As JSON, or for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are printed as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` if JSON is wanted, else what `text` writes.
    pub(crate) fn print(
        self,
        value: &impl Serialize,
        text: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<()> {
        if self.json {
            return json(value);
        }
        text(&mut anstream::stdout().lock())?;
        Ok(())
    }
}

/// Prints `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    std::io::stdout().lock().write_all(&text)?;
    Ok(())
}

/// Tells people something that is no result; not if standard error is not for people.
pub(crate) fn note(text: impl AsRef<str>) {
    if std::io::stderr().is_terminal() {
        // Whoever closed it does not want to be told.
        let _ = writeln!(anstream::stderr(), "{}", text.as_ref());
    }
}
