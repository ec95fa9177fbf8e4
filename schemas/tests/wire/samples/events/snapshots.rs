//! The events and causes that came with pauses, resumes and snapshots.

use roost_schemas::event::{
    Cause, EngineKind, Lost, PauseFailed, PauseReason, Paused, Pausing, Requested, ResumeFailed, Resuming,
    Running, SandboxEvent, SnapshotAsked, SnapshotCompacted, SnapshotFailed, SnapshotTaken, TemplateSaved,
};
use roost_schemas::{Generation, SnapshotId, TemplateName};

use super::running;
use crate::samples::{RESOURCES, snapshot, spec};

fn causes() -> Vec<Cause> {
    vec![
        Cause::PagerDied {
            detail: "no answer in 500 ms".into(),
        },
        Cause::SnapshotUnusable {
            snapshot: snapshot().id,
            detail: "memory.pages is damaged".into(),
        },
    ]
}

pub(in crate::samples) fn of_snapshots() -> Vec<(&'static str, Vec<SandboxEvent>)> {
    let generation = Generation(2);
    let name = TemplateName::new("warm").unwrap();
    let cause = causes().remove(0);
    let lost = |cause| SandboxEvent::Lost(Lost { generation, cause });
    let pausing = |reason| {
        SandboxEvent::Pausing(Pausing {
            generation,
            snapshot: snapshot().id,
            reason,
        })
    };
    let asked = |name| {
        SandboxEvent::SnapshotAsked(SnapshotAsked {
            snapshot: snapshot().id,
            name,
        })
    };
    let paused = Paused {
        generation,
        snapshot: snapshot(),
    };
    let pause_failed = PauseFailed {
        generation,
        cause: cause.clone(),
    };
    let resuming = Resuming {
        generation,
        timeout_sec: 300,
    };
    let resume_failed = ResumeFailed {
        generation,
        cause: cause.clone(),
    };
    let taken = SnapshotTaken {
        snapshot: snapshot(),
        held_ms: 120,
    };
    let snapshot_failed = SnapshotFailed {
        snapshot: snapshot().id,
        cause,
    };
    let template_saved = TemplateSaved {
        snapshot: snapshot().id,
        name: name.clone(),
    };
    let compacted = SnapshotCompacted {
        replaced: SnapshotId::new("sn0").unwrap(),
        snapshot: snapshot(),
    };
    vec![
        (
            "requested.from",
            vec![SandboxEvent::Requested(Requested {
                spec: spec(),
                resources: RESOURCES,
                from: Some(snapshot()),
            })],
        ),
        (
            "running.restored",
            vec![SandboxEvent::Running(Running {
                restored_from: Some(snapshot().id),
                ..running(EngineKind::Qemu)
            })],
        ),
        ("lost.snapshots", causes().into_iter().map(lost).collect()),
        (
            "pausing",
            vec![pausing(PauseReason::Requested), pausing(PauseReason::TimedOut)],
        ),
        ("paused", vec![SandboxEvent::Paused(paused)]),
        ("pause_failed", vec![SandboxEvent::PauseFailed(pause_failed)]),
        ("resuming", vec![SandboxEvent::Resuming(resuming)]),
        ("resume_failed", vec![SandboxEvent::ResumeFailed(resume_failed)]),
        ("snapshot_asked", vec![asked(None)]),
        ("snapshot_asked.named", vec![asked(Some(name))]),
        ("snapshot_taken", vec![SandboxEvent::SnapshotTaken(taken)]),
        (
            "snapshot_failed",
            vec![SandboxEvent::SnapshotFailed(snapshot_failed)],
        ),
        (
            "template_saved",
            vec![SandboxEvent::TemplateSaved(template_saved)],
        ),
        (
            "snapshot_compacted",
            vec![SandboxEvent::SnapshotCompacted(compacted)],
        ),
    ]
}
