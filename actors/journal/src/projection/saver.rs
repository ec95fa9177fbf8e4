//! When a projection is saved, and from what it is restored.
//!
//! Saving happens beside following: a disk that is slow for a moment must not delay those who wait for a sequence. One
//! save is under way at a time, so that they reach the checkpoint in order.

use std::sync::Arc;

use roost_schemas::Sequence;
use tokio::task::JoinHandle;

use super::{Pace, Projection};
use crate::checkpoint::{Change, Checkpoint, CheckpointError, Mark, Saved, Seen};

/// Decides when to save, and does.
pub(super) struct Saver {
    checkpoint: Arc<dyn Checkpoint>,
    name: &'static str,
    version: u32,
    pace: Pace,
    unsaved: u64,
    under_way: Option<JoinHandle<Result<(), CheckpointError>>>,
}

impl Saver {
    /// Whether so much is unsaved that the time to save has come before its time.
    pub(super) fn is_due(&self) -> bool {
        self.unsaved >= self.pace.commits && !self.is_under_way()
    }

    fn is_under_way(&self) -> bool {
        self.under_way.as_ref().is_some_and(|save| !save.is_finished())
    }

    /// Takes note of commits that were applied.
    pub(super) fn note(&mut self, commits: u64) {
        self.unsaved += commits;
    }

    /// Begins to save what `drain` gives, which brings what was saved before up to what is `seen`; not now, if a save is
    /// still under way. The error is the one of the save before.
    pub(super) async fn begin(
        &mut self,
        seen: impl FnOnce() -> Seen,
        drain: impl FnOnce() -> Vec<Change>,
    ) -> Result<(), CheckpointError> {
        if self.is_under_way() {
            return Ok(());
        }
        self.finish().await?;
        if self.unsaved == 0 {
            return Ok(());
        }
        self.unsaved = 0;
        let (checkpoint, name, changes) = (self.checkpoint.clone(), self.name, drain());
        let (version, seen) = (self.version, seen());
        let save = async move { checkpoint.save(name, Mark { version, seen }, changes).await };
        self.under_way = Some(tokio::spawn(save));
        Ok(())
    }

    /// Waits for the save that is under way.
    pub(super) async fn finish(&mut self) -> Result<(), CheckpointError> {
        match self.under_way.take() {
            Some(save) => save.await.unwrap_or_else(|panic| {
                let (at, detail) = (self.name.to_owned(), panic.to_string());
                Err(CheckpointError {
                    at,
                    action: "written",
                    detail,
                })
            }),
            None => Ok(()),
        }
    }
}

/// What a projection begins with.
#[derive(Default)]
pub(super) struct Restored<P> {
    /// None, if the checkpoint cannot be used at all.
    pub(super) saver: Option<Saver>,
    /// As the checkpoint has it, or a new one where that is of no use.
    pub(super) value: P,
    /// The last commit that the value includes.
    pub(super) applied: Sequence,
    /// What an earlier run has seen in the log, even if its entries are of no use.
    pub(super) seen: Option<Seen>,
}

pub(super) async fn restore<P: Projection>(checkpoint: Arc<dyn Checkpoint>, pace: Pace) -> Restored<P> {
    let saver = Saver {
        checkpoint: checkpoint.clone(),
        name: P::NAME,
        version: P::VERSION,
        pace,
        unsaved: 0,
        under_way: None,
    };
    let (seen, found) = match checkpoint.load(P::NAME).await {
        Ok(None) => (None, Ok((P::default(), Sequence::default()))),
        Ok(Some(Saved { mark, entries })) => (Some(mark.seen), read(mark, entries)),
        Err(error) => (None, Err(error.to_string())),
    };
    let reason = match found {
        Ok((value, applied)) => {
            let saver = Some(saver);
            return Restored {
                saver,
                value,
                applied,
                seen,
            };
        }
        Err(reason) => reason,
    };
    tracing::warn!(
        projection = P::NAME,
        reason,
        "its checkpoint is of no use; it is folded from the beginning"
    );
    let cleared = checkpoint.clear(P::NAME).await;
    if let Err(error) = &cleared {
        // New entries among old ones would look like a whole checkpoint.
        tracing::warn!(projection = P::NAME, %error, "no checkpoints: the old one cannot be cleared away");
    }
    Restored {
        saver: cleared.is_ok().then_some(saver),
        value: P::default(),
        applied: Sequence::default(),
        seen,
    }
}

/// The value that saved entries stand for, and how far it came; or why they are of no use.
fn read<P: Projection>(mark: Mark, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(P, Sequence), String> {
    if mark.version != P::VERSION {
        return Err(format!("it is of version {}, not {}", mark.version, P::VERSION));
    }
    let mut value = P::default();
    value
        .restore(mark.seen.sequence, entries)
        .map_err(|error| error.to_string())?;
    Ok((value, mark.seen.sequence))
}
