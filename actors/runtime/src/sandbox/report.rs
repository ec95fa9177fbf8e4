//! What the actor makes of a report: tell the log, then look what the new state calls for.

mod end;
mod process;
mod snapshot;
mod start;

use super::Report;
use super::state::State;
use crate::crash;

impl State {
    pub(super) async fn report(&mut self, report: Report) {
        match report {
            Report::Booted {
                generation,
                vm,
                boot_ms,
                restored_from,
            } => self.booted(generation, vm, boot_ms, restored_from).await,
            Report::BootFailed {
                generation,
                attempt,
                cause,
            } => self.boot_failed(generation, attempt, cause).await,
            Report::ResumeFailed { generation, cause } => self.resume_failed(generation, cause).await,
            Report::Attached { generation, vm } => {
                self.landed(generation);
                self.watch(generation, vm);
                tracing::info!(sandbox = %self.args.sandbox, %generation, "re-adopted");
            }
            Report::Applied { generation, policy } => {
                self.applied = Some(policy);
                self.landed(generation);
            }
            Report::Sealed { generation, sealed } => self.sealed(generation, sealed).await,
            Report::PauseFailed {
                generation,
                snapshot,
                cause,
            } => self.pause_failed(generation, snapshot, cause).await,
            Report::Freed { generation } => {
                crash::point("pause.freed");
                self.freed = self.freed.max(generation);
                self.landed(generation);
            }
            Report::SnapshotTaken {
                generation,
                sealed,
                held_ms,
            } => self.snapshot_taken(generation, sealed, held_ms).await,
            Report::SnapshotFailed {
                generation,
                snapshot,
                seen,
                cause,
            } => self.snapshot_failed(generation, snapshot, seen, cause).await,
            Report::Saved {
                generation,
                snapshot,
                name,
                seen,
            } => self.saved(generation, snapshot, name, seen).await,
            Report::Compacted {
                generation,
                replaced,
                sealed,
            } => self.compacted(generation, replaced, sealed).await,
            Report::Uncompactable { generation } => {
                self.uncompactable = true;
                self.landed(generation);
            }
            Report::Vanished { generation, cause } => self.vanished(generation, cause).await,
            Report::Gone { generation, cause } => self.gone(generation, cause).await,
            Report::Released { generation } => self.released(generation).await,
            Report::Stuck { generation } => self.landed(generation),
            Report::Noticed {
                generation,
                fact,
                verdict,
            } => self.noticed(generation, fact, verdict).await,
            Report::ProcessEnded { end, recorded } => self.process_ended(end, recorded).await,
        }
        self.pursue().await;
    }
}
