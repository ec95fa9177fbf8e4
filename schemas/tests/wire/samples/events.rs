//! Every event, with every cause and every end that one can carry.

use roost_schemas::event::{
    ActorCrashed, Cause, EngineKind, ExitStatus, Failed, HostEvent, HostRegistered, Lost, NetworkSet,
    PauseFailed, PauseReason, Paused, Pausing, Placed, ProcessExited, ProcessOrigin, ProcessStarted,
    Requested, ResumeFailed, Resuming, Running, SandboxEvent, SnapshotAsked, SnapshotCompacted,
    SnapshotFailed, SnapshotTaken, StartFailed, Starting, StopReason, Stopping, TemplateEvent,
    TemplateFromSnapshot, TemplateRegistered, TemplateSaved, TimeoutSet,
};
use roost_schemas::spec::Resources;
use roost_schemas::{Generation, HostId, ProcessId, SandboxId, SnapshotId, TemplateName, Timestamp};

use super::{RESOURCES, policy, snapshot, spec};

fn process() -> ProcessId {
    ProcessId::new("p0123456789abcdef0123").unwrap()
}

fn causes() -> Vec<Cause> {
    vec![
        Cause::EngineExited {
            detail: "signal 9".into(),
        },
        Cause::Unresponsive {
            detail: "no answer in 30 s".into(),
        },
        Cause::StepFailed {
            step: "claim slot".into(),
            detail: "no slot is free".into(),
        },
        Cause::HostRestarted,
        Cause::ActorCrashed,
    ]
}

/// Those that came with snapshots.
fn causes_of_snapshots() -> Vec<Cause> {
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

fn exited(status: ExitStatus) -> SandboxEvent {
    let (duration_ms, stdout_bytes, stderr_bytes) = (1_500, 5_000_000_000, 0);
    SandboxEvent::ProcessExited(ProcessExited {
        process: process(),
        status,
        duration_ms,
        stdout_bytes,
        stderr_bytes,
    })
}

/// As little as can be said of a start, what a command can say, and what an agent can.
fn started() -> [ProcessStarted; 3] {
    let bare = ProcessStarted {
        process: process(),
        cmd: "uname".into(),
        args: vec!["-a".into()],
        cwd: None,
        user: None,
        timeout_sec: Some(30),
        pty: false,
        tag: None,
        origin: ProcessOrigin::Command,
    };
    let full = ProcessStarted {
        cwd: Some("/tmp".into()),
        user: Some("root".into()),
        ..bare.clone()
    };
    let by_agent = ProcessStarted {
        cmd: "/bin/bash".into(),
        args: vec!["-i".into(), "-l".into()],
        user: Some("user".into()),
        timeout_sec: None,
        pty: true,
        tag: Some("shell".into()),
        origin: ProcessOrigin::Agent,
        ..full.clone()
    };
    [bare, full, by_agent]
}

pub(super) fn sandbox() -> Vec<(&'static str, Vec<SandboxEvent>)> {
    let generation = Generation(1);
    let statuses = [
        ExitStatus::Exited { code: 0 },
        ExitStatus::Signaled { signal: 11 },
        ExitStatus::TimedOut,
        ExitStatus::NotStarted {
            reason: "no such file".into(),
        },
        ExitStatus::Unknown {
            reason: "the sandbox was stopped".into(),
        },
    ];
    let running = |engine| Running {
        generation,
        engine,
        engine_version: "10.0.8".into(),
        boot_ms: 3_021,
        restored_from: None,
        started_at: Timestamp(1_790_000_003_144),
        expires_at: Timestamp(1_790_000_303_144),
    };
    let [bare, full, by_agent] = started();
    let lost = |cause| SandboxEvent::Lost(Lost { generation, cause });
    let cause = causes().remove(0);
    let stopping = |reason| SandboxEvent::Stopping(Stopping { reason });
    vec![
        (
            "requested",
            vec![SandboxEvent::Requested(Requested {
                spec: spec(),
                resources: RESOURCES,
                from: None,
            })],
        ),
        (
            "requested.from",
            vec![SandboxEvent::Requested(Requested {
                spec: spec(),
                resources: RESOURCES,
                from: Some(snapshot()),
            })],
        ),
        (
            "placed",
            vec![SandboxEvent::Placed(Placed {
                host: HostId::new("h1").unwrap(),
                generation,
            })],
        ),
        ("starting", vec![SandboxEvent::Starting(Starting { generation })]),
        (
            "start_failed",
            vec![SandboxEvent::StartFailed(StartFailed {
                generation,
                attempt: 1,
                cause: cause.clone(),
            })],
        ),
        (
            "running",
            vec![
                SandboxEvent::Running(running(EngineKind::Qemu)),
                SandboxEvent::Running(running(EngineKind::Firecracker)),
            ],
        ),
        (
            "running.restored",
            vec![SandboxEvent::Running(Running {
                restored_from: Some(snapshot().id),
                ..running(EngineKind::Qemu)
            })],
        ),
        (
            "process_started",
            vec![
                SandboxEvent::ProcessStarted(bare),
                SandboxEvent::ProcessStarted(full),
            ],
        ),
        (
            "process_started.agent",
            vec![SandboxEvent::ProcessStarted(by_agent)],
        ),
        ("process_exited", statuses.map(exited).to_vec()),
        (
            "timeout_set",
            vec![SandboxEvent::TimeoutSet(TimeoutSet {
                expires_at: Timestamp(1_790_000_600_000),
            })],
        ),
        (
            "network_set",
            vec![SandboxEvent::NetworkSet(NetworkSet { policy: policy() })],
        ),
        (
            "stopping",
            vec![stopping(StopReason::Requested), stopping(StopReason::TimedOut)],
        ),
        ("stopped", vec![SandboxEvent::Stopped]),
        ("lost", causes().into_iter().map(lost).collect()),
        (
            "lost.snapshots",
            causes_of_snapshots().into_iter().map(lost).collect(),
        ),
        ("failed", vec![SandboxEvent::Failed(Failed { cause })]),
        (
            "actor_crashed",
            vec![SandboxEvent::ActorCrashed(ActorCrashed {
                generation,
                count: 1,
                message: "index out of bounds".into(),
            })],
        ),
    ]
}

/// Those of pauses, resumes and snapshots.
pub(super) fn sandbox_snapshots() -> Vec<(&'static str, Vec<SandboxEvent>)> {
    let generation = Generation(2);
    let name = TemplateName::new("warm").unwrap();
    let cause = causes_of_snapshots().remove(0);
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

pub(super) fn host() -> Vec<(&'static str, Vec<HostEvent>)> {
    let registered = HostRegistered {
        capacity: Resources {
            vcpus: 8,
            memory_mb: 16_384,
        },
        max_sandboxes: 100,
        engine: EngineKind::Qemu,
        engine_version: "10.0.8".into(),
        release: "0.1.0".into(),
        edge: None,
    };
    let with_edge = HostRegistered {
        edge: Some("http://10.0.0.1:40123".into()),
        ..registered.clone()
    };
    vec![
        ("registered", vec![HostEvent::Registered(registered)]),
        ("registered.edge", vec![HostEvent::Registered(with_edge)]),
        ("drained", vec![HostEvent::Drained]),
    ]
}

pub(super) fn template() -> Vec<(&'static str, Vec<TemplateEvent>)> {
    let registered = TemplateRegistered {
        digest: "blake3:00ff".into(),
        bytes: 268_435_456,
        drive_bytes: None,
        defaults: RESOURCES,
    };
    let sized = TemplateRegistered {
        drive_bytes: Some(4_294_967_296),
        ..registered.clone()
    };
    let saved = TemplateFromSnapshot {
        sandbox: SandboxId::new("sb1").unwrap(),
        snapshot: snapshot(),
        base: TemplateName::new("base").unwrap(),
        resources: RESOURCES,
    };
    vec![
        ("registered", vec![TemplateEvent::Registered(registered)]),
        ("registered.sized", vec![TemplateEvent::Registered(sized)]),
        ("saved", vec![TemplateEvent::Saved(saved)]),
        ("deleted", vec![TemplateEvent::Deleted]),
    ]
}
