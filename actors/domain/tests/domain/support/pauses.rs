//! Commands and reports of pauses, resumes and snapshots.

use roost_domain::sandbox::Command;
use roost_schemas::command::{Pause, Resume, TakeSnapshot};
use roost_schemas::event::{Cause, EngineKind, PauseReason};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Generation, Timestamp};

use super::{FIRST, snapshot, snapshot_id, template_name};

/// The generation of the first resume.
pub(crate) const SECOND: Generation = Generation(2);

pub(crate) fn pause(id: &str) -> Command {
    pause_for(PauseReason::Requested, id)
}

pub(crate) fn pause_for(reason: PauseReason, id: &str) -> Command {
    Command::Pause {
        snapshot: snapshot_id(id),
        pause: Pause { reason, due: None },
    }
}

/// For one whose time was over at `due`.
pub(crate) fn pause_expired(due: Timestamp, id: &str) -> Command {
    let (reason, due) = (PauseReason::TimedOut, Some(due));
    Command::Pause {
        snapshot: snapshot_id(id),
        pause: Pause { reason, due },
    }
}

pub(crate) fn sealed(generation: Generation, id: &str) -> Command {
    Command::Sealed {
        generation,
        snapshot: snapshot(id),
    }
}

pub(crate) fn pause_failed() -> Command {
    Command::PauseFailed {
        generation: FIRST,
        cause: disk_full(),
    }
}

pub(crate) fn disk_full() -> Cause {
    Cause::StepFailed {
        step: "seal".to_owned(),
        detail: "the disk is full".to_owned(),
    }
}

pub(crate) fn resume() -> Command {
    Command::Resume(Resume { timeout_sec: None })
}

pub(crate) fn resumed(generation: Generation, from: &str) -> Command {
    Command::Started {
        generation,
        engine: EngineKind::Qemu,
        engine_version: "10.0.8".to_owned(),
        boot_ms: 100,
        restored_from: Some(snapshot_id(from)),
    }
}

pub(crate) fn resume_failed() -> Command {
    Command::ResumeFailed {
        generation: SECOND,
        cause: unusable("s1"),
    }
}

pub(crate) fn unusable(id: &str) -> Cause {
    Cause::SnapshotUnusable {
        snapshot: snapshot_id(id),
        detail: "memory.pages is damaged".to_owned(),
    }
}

/// Asks for a snapshot: of what runs `id` is to be its id.
pub(crate) fn take(id: &str, name: Option<&str>) -> Command {
    Command::Snapshot {
        snapshot: snapshot_id(id),
        take: TakeSnapshot {
            name: name.map(template_name),
        },
    }
}

pub(crate) fn taken(id: &str) -> Command {
    Command::SnapshotTaken {
        generation: FIRST,
        snapshot: snapshot(id),
        held_ms: 20,
    }
}

pub(crate) fn snapshot_failed(id: &str) -> Command {
    Command::SnapshotFailed {
        snapshot: snapshot_id(id),
        cause: disk_full(),
    }
}

pub(crate) fn saved(id: &str, name: &str) -> Command {
    Command::TemplateSaved {
        snapshot: snapshot_id(id),
        name: template_name(name),
    }
}

pub(crate) fn compacted(replaced: &str, snapshot: Snapshot) -> Command {
    Command::Compacted {
        replaced: snapshot_id(replaced),
        snapshot,
    }
}
