//! Sandboxes brought to a state, and strategies for what may happen to them.

pub(crate) mod commands;
pub(crate) mod events;
mod history;
pub(crate) mod pauses;

use std::collections::BTreeMap;

pub(crate) use history::History;
use roost_domain::sandbox::Command;
use roost_schemas::command::{Create, Exec, Kill, Placement, Start};
use roost_schemas::event::{Cause, EngineKind, ProcessOrigin, ProcessStarted, StopReason};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::{OnHostDown, OnTimeout, Resources, SandboxSpec};
use roost_schemas::{
    CommandId, Digest, Generation, HostId, LifeId, ProcessId, SandboxId, SnapshotId, TemplateName, TenantId,
    Timestamp,
};

pub(crate) const RESOURCES: Resources = Resources {
    vcpus: 1,
    memory_mb: 128,
};
/// The generation of a first placement.
pub(crate) const FIRST: Generation = Generation(1);

pub(crate) fn tenant() -> TenantId {
    TenantId::new("default").unwrap()
}

pub(crate) fn sandbox_id(name: &str) -> SandboxId {
    SandboxId::new(name).unwrap()
}

pub(crate) fn host_id(name: &str) -> HostId {
    HostId::new(name).unwrap()
}

pub(crate) fn life_id(name: &str) -> LifeId {
    LifeId::new(name).unwrap()
}

pub(crate) fn process_id(name: &str) -> ProcessId {
    ProcessId::new(name).unwrap()
}

pub(crate) fn snapshot_id(name: &str) -> SnapshotId {
    SnapshotId::new(name).unwrap()
}

pub(crate) fn template_name(name: &str) -> TemplateName {
    TemplateName::new(name).unwrap()
}

pub(crate) fn command_id(name: &str) -> CommandId {
    CommandId::new(name).unwrap()
}

pub(crate) fn spec() -> SandboxSpec {
    SandboxSpec {
        template: template_name("base"),
        vcpus: None,
        memory_mb: None,
        timeout_sec: 60,
        on_timeout: OnTimeout::Kill,
        on_host_down: OnHostDown::Lose,
        auto_resume: false,
        metadata: BTreeMap::new(),
        env: BTreeMap::new(),
        network: NetworkPolicy::default(),
    }
}

pub(crate) fn create() -> Create {
    Create {
        spec: spec(),
        fork: None,
        placement: Some(Placement {
            host: host_id("h1"),
            resources: RESOURCES,
            from: None,
        }),
    }
}

/// A create from a snapshot: of a template, or of the sandbox that this one is a fork of.
pub(crate) fn create_from(snapshot: Snapshot) -> Create {
    let mut create = create();
    create.placement.as_mut().unwrap().from = Some(snapshot);
    create
}

/// A sealed one, on the host that everything is placed on.
pub(crate) fn snapshot(name: &str) -> Snapshot {
    Snapshot {
        id: snapshot_id(name),
        host: host_id("h1"),
        seal: Digest::of(name.as_bytes()),
        stored_bytes: 4096,
        sources: 1,
    }
}

pub(crate) fn exec(cmd: &str) -> Exec {
    Exec {
        cmd: cmd.to_owned(),
        args: Vec::new(),
        cwd: None,
        env: BTreeMap::new(),
        user: None,
        timeout_sec: 30,
        stdin: false,
        pty: None,
    }
}

/// What the agent asks to start for a client.
pub(crate) fn asked(process: &str) -> ProcessStarted {
    ProcessStarted {
        process: process_id(process),
        cmd: "/bin/bash".to_owned(),
        args: vec!["-l".to_owned()],
        cwd: Some("/home/user".to_owned()),
        user: Some("user".to_owned()),
        timeout_sec: None,
        pty: true,
        tag: Some("shell".to_owned()),
        origin: ProcessOrigin::Agent,
    }
}

pub(crate) fn start() -> Command {
    Command::Start(Start { generation: FIRST })
}

pub(crate) fn started() -> Command {
    let (engine, engine_version, boot_ms) = (EngineKind::Qemu, "10.0.8".to_owned(), 3_000);
    Command::Started {
        generation: FIRST,
        engine,
        engine_version,
        boot_ms,
        restored_from: None,
    }
}

pub(crate) fn start_failed() -> Command {
    Command::StartFailed {
        generation: FIRST,
        cause: Cause::HostRestarted,
    }
}

pub(crate) fn kill(reason: StopReason) -> Command {
    Command::Kill(Kill { reason, due: None })
}

/// Of one whose time was over at `due`.
pub(crate) fn expired(due: Timestamp) -> Command {
    let (reason, due) = (StopReason::TimedOut, Some(due));
    Command::Kill(Kill { reason, due })
}

pub(crate) fn host_down(generation: Generation) -> Command {
    Command::HostDown { generation }
}

pub(crate) fn ended() -> Command {
    Command::Ended { generation: FIRST }
}

pub(crate) fn vanished() -> Command {
    Command::Vanished {
        generation: FIRST,
        cause: Cause::HostRestarted,
    }
}

pub(crate) fn crashed() -> Command {
    Command::Crashed {
        generation: FIRST,
        message: "index out of bounds".to_owned(),
    }
}
