//! Random events, in no order that makes sense.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use roost_schemas::command::{Pause, SandboxCommand};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{
    ActorCrashed, Cause, Confirmed, EngineKind, ExitStatus, Failed, HostDown, HostEvent, HostRegistered,
    Lost, NetworkSet, PauseFailed, PauseReason, Paused, Pausing, Placed, ProcessExited, ProcessOrigin,
    ProcessStarted, Requested, ResumeFailed, Resuming, Reverted, Running, SandboxEvent, SnapshotAsked,
    SnapshotCompacted, SnapshotFailed, SnapshotTaken, StartFailed, Starting, StopReason, Stopping,
    TemplateEvent, TemplateFromSnapshot, TemplateRegistered, TemplateSaved, TimeoutSet,
};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::{OnHostDown, OnTimeout, Resources, SandboxSpec};
use roost_schemas::{Generation, ProcessId, SnapshotId, TemplateName, Timestamp};

use super::{command_id, host_id, life_id, process_id, sandbox_id, template_name};

pub(crate) fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        ".{0,9}".prop_map(|detail| Cause::EngineExited { detail }),
        ".{0,9}".prop_map(|detail| Cause::Unresponsive { detail }),
        (".{0,9}", ".{0,9}").prop_map(|(step, detail)| Cause::StepFailed { step, detail }),
        ".{0,9}".prop_map(|detail| Cause::PagerDied { detail }),
        (snapshot_id(), ".{0,9}").prop_map(|(snapshot, detail)| Cause::SnapshotUnusable { snapshot, detail }),
        Just(Cause::HostRestarted),
        Just(Cause::HostDown),
        Just(Cause::ActorCrashed),
    ]
}

fn snapshot_id() -> impl Strategy<Value = SnapshotId> {
    (0..6u8).prop_map(|n| super::snapshot_id(&format!("s{n}")))
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (snapshot_id(), any::<u64>(), any::<u32>()).prop_map(|(id, stored_bytes, sources)| Snapshot {
        stored_bytes,
        sources,
        ..super::snapshot(id.as_str())
    })
}

fn name() -> impl Strategy<Value = TemplateName> {
    prop_oneof![Just(template_name("base")), Just(template_name("warm"))]
}

pub(crate) fn exit_status() -> impl Strategy<Value = ExitStatus> {
    prop_oneof![
        any::<i32>().prop_map(|code| ExitStatus::Exited { code }),
        any::<i32>().prop_map(|signal| ExitStatus::Signaled { signal }),
        Just(ExitStatus::TimedOut),
        ".{0,9}".prop_map(|reason| ExitStatus::NotStarted { reason }),
        ".{0,9}".prop_map(|reason| ExitStatus::Unknown { reason }),
    ]
}

fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![0..3u64, any::<u64>()].prop_map(Generation)
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![0..200_000u64, any::<u64>()].prop_map(Timestamp)
}

fn resources() -> impl Strategy<Value = Resources> {
    (any::<u32>(), any::<u32>()).prop_map(|(vcpus, memory_mb)| Resources { vcpus, memory_mb })
}

fn process() -> impl Strategy<Value = ProcessId> {
    (0..4u8).prop_map(|n| process_id(&format!("p{n}")))
}

fn engine() -> impl Strategy<Value = EngineKind> {
    prop_oneof![Just(EngineKind::Firecracker), Just(EngineKind::Qemu)]
}

fn requested() -> impl Strategy<Value = Requested> {
    let pairs = || btree_map(".{0,5}", ".{0,5}", 0..3);
    let sizes = (of(any::<u32>()), of(any::<u32>()), any::<u32>());
    let ends = (
        prop_oneof![Just(OnTimeout::Kill), Just(OnTimeout::Pause)],
        prop_oneof![Just(OnHostDown::Lose), Just(OnHostDown::Resume)],
        any::<bool>(),
    );
    (sizes, pairs(), pairs(), resources(), ends, of(snapshot())).prop_map(
        |(
            (vcpus, memory_mb, timeout_sec),
            metadata,
            env,
            resources,
            (on_timeout, on_host_down, auto_resume),
            from,
        )| {
            let template = template_name("base");
            Requested {
                spec: SandboxSpec {
                    template,
                    vcpus,
                    memory_mb,
                    timeout_sec,
                    on_timeout,
                    on_host_down,
                    auto_resume,
                    metadata,
                    env,
                    network: NetworkPolicy::default(),
                },
                resources,
                from,
            }
        },
    )
}

fn running() -> impl Strategy<Value = Running> {
    (
        generation(),
        engine(),
        any::<u64>(),
        of(snapshot_id()),
        time(),
        time(),
    )
        .prop_map(
            |(generation, engine, boot_ms, restored_from, started_at, expires_at)| {
                let engine_version = "1".to_owned();
                Running {
                    generation,
                    engine,
                    engine_version,
                    boot_ms,
                    restored_from,
                    started_at,
                    expires_at,
                }
            },
        )
}

fn process_started() -> impl Strategy<Value = ProcessStarted> {
    (
        process(),
        ".{0,9}",
        vec(".{0,9}", 0..3),
        of(".{0,9}"),
        of(".{0,9}"),
        (of(any::<u32>()), any::<bool>(), of(".{0,9}"), any::<bool>()),
    )
        .prop_map(
            |(process, cmd, args, cwd, user, (timeout_sec, pty, tag, by_agent))| ProcessStarted {
                process,
                cmd,
                args,
                cwd,
                user,
                timeout_sec,
                pty,
                tag,
                origin: if by_agent {
                    ProcessOrigin::Agent
                } else {
                    ProcessOrigin::Command
                },
            },
        )
}

fn process_exited() -> impl Strategy<Value = ProcessExited> {
    (process(), exit_status(), any::<[u64; 3]>()).prop_map(
        |(process, status, [duration_ms, stdout_bytes, stderr_bytes])| ProcessExited {
            process,
            status,
            duration_ms,
            stdout_bytes,
            stderr_bytes,
        },
    )
}

/// Of pauses, resumes and snapshots.
fn snapshot_event() -> impl Strategy<Value = SandboxEvent> {
    let reason = prop_oneof![Just(PauseReason::Requested), Just(PauseReason::TimedOut)];
    prop_oneof![
        (generation(), snapshot_id(), reason).prop_map(|(generation, snapshot, reason)| {
            SandboxEvent::Pausing(Pausing {
                generation,
                snapshot,
                reason,
            })
        }),
        (generation(), snapshot())
            .prop_map(|(generation, snapshot)| SandboxEvent::Paused(Paused { generation, snapshot })),
        (generation(), cause())
            .prop_map(|(generation, cause)| SandboxEvent::PauseFailed(PauseFailed { generation, cause })),
        (generation(), any::<u32>()).prop_map(|(generation, timeout_sec)| {
            SandboxEvent::Resuming(Resuming {
                generation,
                timeout_sec,
            })
        }),
        (generation(), cause())
            .prop_map(|(generation, cause)| SandboxEvent::ResumeFailed(ResumeFailed { generation, cause })),
        (snapshot_id(), of(name()))
            .prop_map(|(snapshot, name)| SandboxEvent::SnapshotAsked(SnapshotAsked { snapshot, name })),
        (snapshot(), any::<u64>())
            .prop_map(|(snapshot, held_ms)| SandboxEvent::SnapshotTaken(SnapshotTaken { snapshot, held_ms })),
        (snapshot_id(), cause())
            .prop_map(|(snapshot, cause)| SandboxEvent::SnapshotFailed(SnapshotFailed { snapshot, cause })),
        (snapshot_id(), name())
            .prop_map(|(snapshot, name)| SandboxEvent::TemplateSaved(TemplateSaved { snapshot, name })),
        (snapshot_id(), snapshot()).prop_map(|(replaced, snapshot)| {
            SandboxEvent::SnapshotCompacted(SnapshotCompacted { replaced, snapshot })
        }),
    ]
}

/// Any event of a sandbox.
pub(crate) fn sandbox_event() -> impl Strategy<Value = SandboxEvent> {
    prop_oneof![14 => life_event(), 10 => snapshot_event()]
}

fn life_event() -> impl Strategy<Value = SandboxEvent> {
    let host = prop_oneof![Just(host_id("h1")), Just(host_id("h2"))];
    let count = || prop_oneof![0..5u32, any::<u32>()];
    let reason = prop_oneof![Just(StopReason::Requested), Just(StopReason::TimedOut)];
    prop_oneof![
        requested().prop_map(SandboxEvent::Requested),
        (host, generation()).prop_map(|(host, generation)| SandboxEvent::Placed(Placed { host, generation })),
        generation().prop_map(|generation| SandboxEvent::Starting(Starting { generation })),
        (generation(), count(), cause()).prop_map(|(generation, attempt, cause)| SandboxEvent::StartFailed(
            StartFailed {
                generation,
                attempt,
                cause
            }
        )),
        running().prop_map(SandboxEvent::Running),
        process_started().prop_map(SandboxEvent::ProcessStarted),
        process_exited().prop_map(SandboxEvent::ProcessExited),
        time().prop_map(|expires_at| SandboxEvent::TimeoutSet(TimeoutSet { expires_at })),
        any::<bool>().prop_map(|internet| SandboxEvent::NetworkSet(NetworkSet {
            policy: NetworkPolicy {
                internet,
                ..NetworkPolicy::default()
            }
        })),
        reason.prop_map(|reason| SandboxEvent::Stopping(Stopping { reason })),
        Just(SandboxEvent::Stopped),
        Just(SandboxEvent::Confirmed(Confirmed {
            command: Box::new(SandboxCommand::Pause(Pause::default())),
        })),
        (generation(), cause())
            .prop_map(|(generation, cause)| SandboxEvent::Lost(Lost { generation, cause })),
        (generation(), snapshot(), cause()).prop_map(|(generation, snapshot, cause)| {
            SandboxEvent::Reverted(Reverted {
                generation,
                snapshot,
                cause,
            })
        }),
        cause().prop_map(|cause| SandboxEvent::Failed(Failed { cause })),
        (generation(), count(), ".{0,9}").prop_map(
            |(generation, count, message)| SandboxEvent::ActorCrashed(ActorCrashed {
                generation,
                count,
                message
            })
        ),
    ]
}

/// Any event of a host.
pub(crate) fn host_event() -> impl Strategy<Value = HostEvent> {
    let registered = (resources(), any::<u32>(), engine()).prop_map(|(capacity, max_sandboxes, engine)| {
        let (engine_version, release) = ("1".to_owned(), "0.1.0".to_owned());
        HostEvent::Registered(HostRegistered {
            capacity,
            max_sandboxes,
            engine,
            engine_version,
            release,
            edge: None,
            lease: 0,
        })
    });
    let down = HostEvent::Down(HostDown {
        life: life_id("life1"),
        lease: 0,
    });
    prop_oneof![2 => registered, 1 => Just(HostEvent::Drained), 1 => Just(down)]
}

/// Any event of a template.
pub(crate) fn template_event() -> impl Strategy<Value = TemplateEvent> {
    let registered = (".{0,9}", any::<u64>(), resources()).prop_map(|(digest, bytes, defaults)| {
        TemplateEvent::Registered(TemplateRegistered {
            digest,
            bytes,
            drive_bytes: None,
            defaults,
        })
    });
    let saved = (snapshot(), name(), resources()).prop_map(|(snapshot, base, resources)| {
        TemplateEvent::Saved(TemplateFromSnapshot {
            sandbox: sandbox_id("sb1"),
            snapshot,
            base,
            resources,
        })
    });
    prop_oneof![registered, saved, Just(TemplateEvent::Deleted)]
}

/// A commit of `events`; what else stands in it does not matter to a fold.
pub(crate) fn commit<E>(name: &str, at: Timestamp, events: Vec<E>) -> Commit<E> {
    Commit {
        command_id: command_id(name),
        schema_version: SCHEMA_VERSION,
        at,
        principal: "test".into(),
        events,
    }
}
