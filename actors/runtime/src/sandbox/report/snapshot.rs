//! Pauses, snapshots and templates. What is sealed stays pinned until the log has it.

use roost_domain::sandbox::Command;
use roost_schemas::event::Cause;
use roost_schemas::{Generation, Sequence, SnapshotId, TemplateName};

use crate::crash;
use crate::port::Sealed;
use crate::sandbox::Report;
use crate::sandbox::state::State;

impl State {
    pub(super) async fn sealed(&mut self, generation: Generation, sealed: Sealed) {
        let command = Command::Sealed {
            generation,
            snapshot: sealed.snapshot.clone(),
        };
        let fact = format!("paused.{}", sealed.snapshot.id);
        let told = self.tell(generation, &fact, command).await;
        crash::point("pause.told");
        if self.settled(told, || Report::Sealed { generation, sealed }) {
            // Before the engine is destroyed: its end is no loss.
            self.watch = None;
            self.applied = None;
            self.landed(generation);
        }
    }

    pub(super) async fn pause_failed(&mut self, generation: Generation, snapshot: SnapshotId, cause: Cause) {
        let command = Command::PauseFailed {
            generation,
            cause: cause.clone(),
        };
        let fact = format!("pause_failed.{snapshot}");
        let told = self.tell(generation, &fact, command).await;
        if self.settled(told, || Report::PauseFailed {
            generation,
            snapshot,
            cause,
        }) {
            self.landed(generation);
        }
    }

    pub(super) async fn snapshot_taken(&mut self, generation: Generation, sealed: Sealed, held_ms: u64) {
        let command = Command::SnapshotTaken {
            generation,
            snapshot: sealed.snapshot.clone(),
            held_ms,
        };
        let fact = format!("snapshot_taken.{}", sealed.snapshot.id);
        let told = self.tell(generation, &fact, command).await;
        crash::point("snapshot.told");
        if self.settled(told, || Report::SnapshotTaken {
            generation,
            sealed,
            held_ms,
        }) {
            self.landed(generation);
        }
    }

    pub(super) async fn snapshot_failed(
        &mut self,
        generation: Generation,
        snapshot: SnapshotId,
        seen: Sequence,
        cause: Cause,
    ) {
        let command = Command::SnapshotFailed {
            snapshot: snapshot.clone(),
            cause: cause.clone(),
        };
        let fact = format!("snapshot_failed.{snapshot}.{seen}");
        let told = self.tell(generation, &fact, command).await;
        if self.settled(told, || Report::SnapshotFailed {
            generation,
            snapshot,
            seen,
            cause,
        }) {
            self.landed(generation);
        }
    }

    pub(super) async fn saved(
        &mut self,
        generation: Generation,
        snapshot: SnapshotId,
        name: TemplateName,
        seen: Sequence,
    ) {
        let command = Command::TemplateSaved {
            snapshot: snapshot.clone(),
            name: name.clone(),
        };
        let fact = format!("template_saved.{snapshot}.{seen}");
        let told = self.tell(generation, &fact, command).await;
        if self.settled(told, || Report::Saved {
            generation,
            snapshot,
            name,
            seen,
        }) {
            self.landed(generation);
        }
    }

    pub(super) async fn compacted(&mut self, generation: Generation, replaced: SnapshotId, sealed: Sealed) {
        let command = Command::Compacted {
            replaced: replaced.clone(),
            snapshot: sealed.snapshot.clone(),
        };
        let fact = format!("compacted.{}", sealed.snapshot.id);
        let told = self.tell(generation, &fact, command).await;
        if self.settled(told, || Report::Compacted {
            generation,
            replaced,
            sealed,
        }) {
            self.landed(generation);
        }
    }
}
