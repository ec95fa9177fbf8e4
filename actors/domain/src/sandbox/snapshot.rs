//! `Snapshot`: take one of a sandbox that runs on, or save what a paused one is paused as.

use roost_schemas::command::TakeSnapshot;
use roost_schemas::event::{
    Cause, SandboxEvent, SnapshotAsked, SnapshotCompacted, SnapshotFailed, SnapshotTaken, TemplateSaved,
};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Generation, SnapshotId, TemplateName};

use super::{Phase, Sandbox};
use crate::Rejection;

/// Snapshots that a sandbox may be waiting for at a time.
pub const MAX_ASKED: usize = 16;
/// Snapshots that are kept of one sandbox, the newest, for forks from its past.
pub const MAX_SNAPSHOTS: usize = 16;
/// Generation files that the snapshot of a paused sandbox may need before it is written anew.
pub const MAX_SOURCES: u32 = 8;

type Decided = Result<Vec<SandboxEvent>, Rejection>;

pub(super) fn decide(sandbox: &Sandbox, snapshot: &SnapshotId, take: &TakeSnapshot) -> Decided {
    let asked = match (sandbox.phase, &sandbox.base) {
        (Phase::Running, _) => snapshot,
        (Phase::Paused, Some(base)) => &base.id,
        _ => return Err(sandbox.refuse("snapshot", "running or paused")),
    };
    let there = sandbox.snapshot(asked).map(|there| &there.id);
    if there.is_some() && take.name.is_none() {
        // It can be forked from as it is.
        return Ok(Vec::new());
    }
    let asked = there.unwrap_or(asked);
    match sandbox.asked.get(asked) {
        Some(name) if *name == take.name => return Ok(Vec::new()),
        Some(_) => return Err(Rejection::BeingSaved),
        None => {}
    }
    if sandbox.asked.len() >= MAX_ASKED {
        return Err(Rejection::TooMany {
            what: "snapshots being taken",
            limit: MAX_ASKED,
        });
    }
    Ok(vec![SandboxEvent::SnapshotAsked(SnapshotAsked {
        snapshot: asked.clone(),
        name: take.name.clone(),
    })])
}

pub(super) fn taken(sandbox: &Sandbox, generation: Generation, snapshot: &Snapshot, held_ms: u64) -> Decided {
    sandbox.fence(generation)?;
    let wanted = sandbox.asked.contains_key(&snapshot.id) && sandbox.snapshot(&snapshot.id).is_none();
    Ok(if wanted && !sandbox.phase.is_end() {
        vec![SandboxEvent::SnapshotTaken(SnapshotTaken {
            snapshot: snapshot.clone(),
            held_ms,
        })]
    } else {
        Vec::new()
    })
}

pub(super) fn failed(sandbox: &Sandbox, snapshot: &SnapshotId, cause: &Cause) -> Vec<SandboxEvent> {
    if !sandbox.asked.contains_key(snapshot) || sandbox.phase.is_end() {
        return Vec::new();
    }
    vec![SandboxEvent::SnapshotFailed(SnapshotFailed {
        snapshot: snapshot.clone(),
        cause: cause.clone(),
    })]
}

pub(super) fn saved(sandbox: &Sandbox, snapshot: &SnapshotId, name: &TemplateName) -> Vec<SandboxEvent> {
    let wanted = sandbox
        .asked
        .get(snapshot)
        .is_some_and(|asked| asked.as_ref() == Some(name));
    if !wanted || sandbox.phase.is_end() {
        return Vec::new();
    }
    vec![SandboxEvent::TemplateSaved(TemplateSaved {
        snapshot: snapshot.clone(),
        name: name.clone(),
    })]
}

pub(super) fn compacted(sandbox: &Sandbox, replaced: &SnapshotId, snapshot: &Snapshot) -> Decided {
    let current = sandbox.base.as_ref().is_some_and(|base| base.id == *replaced);
    if sandbox.phase != Phase::Paused || !current || !sandbox.asked.is_empty() {
        // It was resumed, ended or asked for meanwhile: what was written anew is nobody's, and swept away.
        return Err(sandbox.refuse("report of a compaction", "paused, as what was compacted"));
    }
    Ok(vec![SandboxEvent::SnapshotCompacted(SnapshotCompacted {
        replaced: replaced.clone(),
        snapshot: snapshot.clone(),
    })])
}
