//! The terminal before which the user sits.

use anyhow::{Context, Result};
use futures::Stream;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Size {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}

/// What a terminal is taken to have if it does not tell.
const USUAL: Size = Size { cols: 80, rows: 24 };

impl Size {
    /// That of standard input's terminal, if it is one.
    pub(crate) fn now() -> Self {
        let told = tcgetwinsize(std::io::stdin()).ok();
        let told = told.map(|size| Self {
            cols: size.ws_col,
            rows: size.ws_row,
        });
        // A terminal that was never told its size says zero.
        told.filter(|size| size.cols > 0 && size.rows > 0)
            .unwrap_or(USUAL)
    }
}

/// Every new size of the terminal.
pub(crate) fn sizes() -> Result<impl Stream<Item = Size>> {
    let changes = signal(SignalKind::window_change()).context("cannot listen to SIGWINCH")?;
    Ok(futures::stream::unfold(changes, async |mut changes| {
        changes.recv().await?;
        Some((Size::now(), changes))
    }))
}

/// Done when we are told to end, with the exit code that says so: who ends at once leaves the terminal as it is.
pub(crate) async fn told_to_end() -> Result<u8> {
    let listen = |kind| signal(kind).context("cannot listen to signals");
    let (mut terminate, mut hangup) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    // 128 and the signal's number, as shells tell it.
    tokio::select! {
        _ = terminate.recv() => Ok(128 + 15),
        _ = hangup.recv() => Ok(128 + 1),
    }
}

/// Standard input's terminal as one that passes every key on, until this is dropped.
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes it so.
    pub(crate) fn enter() -> Result<Self> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).context("standard input is no terminal: leave --tty out")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Drain, &raw).context("cannot set the terminal")?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no setting back.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.before);
    }
}
