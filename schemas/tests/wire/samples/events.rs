//! Every event, with every cause and every end that one can carry.

mod snapshots;

use roost_schemas::event::{
    ActorCrashed, Cause, EngineKind, ExitStatus, Failed, HostEvent, HostRegistered, Lost, NetworkSet, Placed,
    ProcessExited, ProcessOrigin, ProcessStarted, Requested, Running, SandboxEvent, StartFailed, Starting,
    StopReason, Stopping, TemplateEvent, TemplateFromSnapshot, TemplateRegistered, TimeoutSet,
};
use roost_schemas::spec::Resources;
use roost_schemas::{Generation, HostId, ProcessId, SandboxId, TemplateName, Timestamp};

use super::{RESOURCES, policy, snapshot, spec};

pub(super) use self::snapshots::of_snapshots;

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

fn running(engine: EngineKind) -> Running {
    Running {
        generation: Generation(1),
        engine,
        engine_version: "10.0.8".into(),
        boot_ms: 3_021,
        restored_from: None,
        started_at: Timestamp(1_790_000_003_144),
        expires_at: Timestamp(1_790_000_303_144),
    }
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
    let running = |engine| SandboxEvent::Running(running(engine));
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
            vec![running(EngineKind::Qemu), running(EngineKind::Firecracker)],
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
        lease: 0,
    };
    let with_edge = HostRegistered {
        edge: Some("http://10.0.0.1:40123".into()),
        lease: 0,
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
