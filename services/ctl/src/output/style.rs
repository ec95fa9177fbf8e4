//! Colours that mean something.

use anstyle::{AnsiColor, Style};

/// The style of a state, of a sandbox or of anything else that has one.
pub(crate) fn of_state(state: &str) -> Style {
    let colour = match state {
        "running" | "active" | "taking" => AnsiColor::Green,
        "paused" | "draining" => AnsiColor::Yellow,
        "lost" | "failed" | "down" | "revoked" | "expired" => AnsiColor::Red,
        "stopped" => return Style::new().dimmed(),
        // On its way from one to the other.
        _ => AnsiColor::Cyan,
    };
    Style::new().fg_color(Some(colour.into()))
}
