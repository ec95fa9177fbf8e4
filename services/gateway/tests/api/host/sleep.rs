//! What becomes of a sandbox that is paused, resumed, or has a snapshot taken, by its script.
//!
//! `unpausable`: no pause succeeds. `sleepless`: no pause ends. `lost-asleep`: it is lost while it is paused.
//! `unresumable`: no resume succeeds. `dreaming`: no resume ends. `unkept`: no snapshot succeeds.

use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_schemas::digest::Digest;
use roost_schemas::event::Cause;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{HostId, SandboxId, SnapshotId};

use super::{Script, script, started};

/// Bytes that each snapshot adds to the store.
pub(crate) const STORED: u64 = 4096;

/// What is sealed under an id.
fn sealed(id: &SnapshotId) -> Snapshot {
    Snapshot {
        id: id.clone(),
        host: HostId::new("h1").unwrap(),
        seal: Digest::of(id.as_str().as_bytes()),
        stored_bytes: STORED,
        sources: 1,
    }
}

/// Why something does not succeed.
fn cause(step: &str) -> Cause {
    Cause::StepFailed {
        step: step.into(),
        detail: "the disk is full".into(),
    }
}

impl Script {
    pub(super) async fn pause(&self, id: &SandboxId) {
        let state = self.state(id).await;
        let (Phase::Pausing, Some(pausing)) = (state.phase, &state.pausing) else {
            return;
        };
        let generation = state.generation();
        let told = match script(&state) {
            "unpausable" => Command::PauseFailed {
                generation,
                cause: cause("seal"),
            },
            "lost-asleep" => Command::Vanished {
                generation,
                cause: cause("seal"),
            },
            "sleepless" => return,
            _ => Command::Sealed {
                generation,
                snapshot: sealed(&pausing.snapshot),
            },
        };
        self.report(id, told).await;
    }

    pub(super) async fn resume(&self, id: &SandboxId) {
        let state = self.state(id).await;
        if state.phase != Phase::Resuming {
            return;
        }
        let told = match script(&state) {
            "unresumable" => Command::ResumeFailed {
                generation: state.generation(),
                cause: cause("restore"),
            },
            "dreaming" => return,
            _ => started(&state),
        };
        self.report(id, told).await;
    }

    /// Takes what was asked for, and saves it.
    pub(super) async fn snapshot(&self, id: &SandboxId) {
        let state = self.state(id).await;
        for (snapshot, name) in &state.asked {
            if script(&state) == "unkept" {
                let (snapshot, cause) = (snapshot.clone(), cause("seal"));
                self.report(id, Command::SnapshotFailed { snapshot, cause }).await;
                continue;
            }
            let taken = self.taken(id, &state, snapshot).await;
            if let Some(name) = name {
                self.save(id, &state, taken, name).await;
            }
        }
    }

    async fn taken(&self, id: &SandboxId, state: &Sandbox, snapshot: &SnapshotId) -> Snapshot {
        if let Some(taken) = state.snapshot(snapshot) {
            return taken.clone();
        }
        let taken = sealed(snapshot);
        let told = Command::SnapshotTaken {
            generation: state.generation(),
            snapshot: taken.clone(),
            held_ms: 3,
        };
        self.report(id, told).await;
        taken
    }
}
