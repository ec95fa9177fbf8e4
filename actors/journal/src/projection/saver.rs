//! When a projection is saved, and from what it is restored.

use std::sync::Arc;

use roost_schemas::Sequence;
use tokio::time::Instant;

use super::{Pace, Projection};
use crate::checkpoint::{Change, Checkpoint, CheckpointError, Saved};

/// Decides when to save, and does.
pub(super) struct Saver {
    checkpoint: Arc<dyn Checkpoint>,
    name: &'static str,
    version: u32,
    pace: Pace,
    unsaved: u64,
    due: Option<Instant>,
}

impl Saver {
    /// When to save next, if there is anything to save.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes note of commits that were applied.
    pub(super) fn note(&mut self, commits: u64) {
        self.unsaved += commits;
        let now = Instant::now();
        let by_time = self.due.unwrap_or(now + self.pace.every);
        self.due = Some(if self.unsaved >= self.pace.commits {
            now
        } else {
            by_time
        });
    }

    /// Saves `changes`, which bring what was saved before up to `applied`.
    pub(super) async fn save(
        &mut self,
        applied: Sequence,
        changes: Vec<Change>,
    ) -> Result<(), CheckpointError> {
        if self.unsaved == 0 {
            return Ok(());
        }
        (self.unsaved, self.due) = (0, None);
        self.checkpoint
            .save(self.name, self.version, applied, changes)
            .await
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
        due: None,
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
