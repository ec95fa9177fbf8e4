//! When a projection is saved, and from what it is restored.
//!
//! Saving happens beside following: a disk that is slow for a moment must not delay those who wait for a sequence. One
//! save is under way at a time, so that they reach the checkpoint in order.

use std::sync::Arc;

use roost_schemas::Sequence;
use tokio::task::JoinHandle;

use super::{Pace, Projection};
use crate::checkpoint::{Change, Checkpoint, CheckpointError, Saved};

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

    /// Begins to save what `drain` gives, which brings what was saved before up to `applied`; not now, if a save is
    /// still under way. The error is the one of the save before.
    pub(super) async fn begin(
        &mut self,
        applied: Sequence,
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
        let (checkpoint, name, version, changes) =
            (self.checkpoint.clone(), self.name, self.version, drain());
        let save = async move { checkpoint.save(name, version, applied, changes).await };
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

/// The projection as `checkpoint` has it, or a new one where that is of no use. No saver, if it cannot be used at all.
pub(super) async fn restore<P: Projection>(
    checkpoint: Arc<dyn Checkpoint>,
    pace: Pace,
) -> (Option<Saver>, P, Sequence) {
    let saver = Saver {
        checkpoint: checkpoint.clone(),
        name: P::NAME,
        version: P::VERSION,
        pace,
        unsaved: 0,
        under_way: None,
    };
    let reason = match checkpoint.load(P::NAME).await {
        Ok(None) => return (Some(saver), P::default(), Sequence::default()),
        Ok(Some(Saved { version, .. })) if version != P::VERSION => {
            format!("it is of version {version}, not {}", P::VERSION)
        }
        Ok(Some(found)) => {
            let mut value = P::default();
            match value.restore(found.entries) {
                Ok(()) => return (Some(saver), value, found.sequence),
                Err(error) => error.to_string(),
            }
        }
        Err(error) => error.to_string(),
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
    (
        cleared.is_ok().then_some(saver),
        P::default(),
        Sequence::default(),
    )
}
