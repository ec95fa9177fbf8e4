//! The snapshot of a sandbox at a place in the log.

use std::collections::BTreeMap;

use roost_domain::Aggregate;
use roost_domain::sandbox::Sandbox;
use roost_schemas::event::SandboxEvent;
use roost_schemas::{SandboxId, Sequence, SnapshotId};

use crate::error::{ApiError, Code};
use crate::state::Gateway;

/// A sandbox's past, as far as its snapshots go.
#[derive(Default)]
struct Past {
    /// As it is now.
    now: Sandbox,
    /// The newest snapshot at the place asked for.
    then: Option<SnapshotId>,
    /// Where each was taken, or written anew.
    taken: BTreeMap<SnapshotId, Sequence>,
}

impl Past {
    fn fold(&mut self, sequence: Sequence, event: &SandboxEvent) {
        self.now.evolve(event);
        let (snapshot, taken) = match event {
            SandboxEvent::Paused(paused) => (&paused.snapshot, sequence),
            SandboxEvent::SnapshotTaken(taken) => (&taken.snapshot, sequence),
            SandboxEvent::SnapshotCompacted(compacted) => {
                let before = self.taken.get(&compacted.replaced).copied();
                (&compacted.snapshot, before.unwrap_or(sequence))
            }
            _ => return,
        };
        self.taken.insert(snapshot.id.clone(), taken);
    }

    /// Those that are kept, in words.
    fn kept(&self) -> String {
        let kept: Vec<_> = self
            .now
            .snapshots
            .iter()
            .map(|snapshot| match self.taken.get(&snapshot.id) {
                Some(taken) => format!("{} at {taken}", snapshot.id),
                None => snapshot.id.to_string(),
            })
            .collect();
        if kept.is_empty() {
            "none is kept of it".to_owned()
        } else {
            format!("kept are {}", kept.join(", "))
        }
    }
}

impl Gateway {
    /// The newest snapshot that `id` had at `at`, if it still has it.
    pub(super) async fn snapshot_at(&self, id: &SandboxId, at: Sequence) -> Result<SnapshotId, ApiError> {
        let head = self.ports().journal.head().await?;
        if at > head {
            let message = format!("at is {at}: the log ends at {head}, use a place in it");
            return Err(ApiError::new(Code::SequenceAhead, message));
        }
        let mut past = Past::default();
        self.walk(id, Sequence::default(), |sequence, commit| {
            for event in &commit.events {
                past.fold(sequence, event);
            }
            if sequence <= at {
                past.then = past.now.snapshots.last().map(|snapshot| snapshot.id.clone());
            }
            None::<()>
        })
        .await?;
        let found = past.then.as_ref().and_then(|then| past.now.snapshot(then));
        found.map(|snapshot| snapshot.id.clone()).ok_or_else(|| {
            let (what, kept) = (
                if past.then.is_some() {
                    "no longer has its snapshot of"
                } else {
                    "had no snapshot at"
                },
                past.kept(),
            );
            let message = format!("sandbox {id} {what} sequence {at}; {kept}");
            ApiError::new(Code::NotFound, message)
        })
    }
}
