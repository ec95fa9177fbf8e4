//! The words that came with hosts that are lost, and with commands that are remembered for good.

use roost_schemas::command::{
    Create, HostDown as HostDownCommand, Kill, Pause, Resume, SandboxCommand, SetTimeout,
};
use roost_schemas::event::{
    Cause, Confirmed, HostDown, HostEvent, Lost, PauseReason, Requested, Reverted, SandboxEvent, StopReason,
};
use roost_schemas::lease::Lease;
use roost_schemas::spec::{OnHostDown, SandboxSpec};
use roost_schemas::{Generation, LifeId, Timestamp};

use super::{RESOURCES, Sample, sample, snapshot, spec};

const DUE: Timestamp = Timestamp(1_790_000_300_000);

fn life() -> LifeId {
    LifeId::new("0192f0c17e647bb08a3e000000000002").unwrap()
}

fn survivor() -> SandboxSpec {
    SandboxSpec {
        on_host_down: OnHostDown::Resume,
        ..spec()
    }
}

fn confirmed(command: SandboxCommand) -> SandboxEvent {
    let command = Box::new(command);
    SandboxEvent::Confirmed(Confirmed { command })
}

pub(super) fn sandbox() -> Vec<(&'static str, Vec<SandboxEvent>)> {
    let generation = Generation(2);
    let cause = Cause::HostDown;
    let reverted = Reverted {
        generation,
        snapshot: snapshot(),
        cause: cause.clone(),
    };
    let requested = Requested {
        spec: survivor(),
        resources: RESOURCES,
        from: None,
    };
    let timeout = SetTimeout {
        timeout_sec: 600,
        extend: true,
    };
    let confirmed = [
        SandboxCommand::Pause(Pause::default()),
        SandboxCommand::Resume(Resume::default()),
        SandboxCommand::SetTimeout(timeout),
    ]
    .map(confirmed);
    vec![
        ("reverted", vec![SandboxEvent::Reverted(reverted)]),
        (
            "lost.host_down",
            vec![SandboxEvent::Lost(Lost { generation, cause })],
        ),
        ("requested.on_host_down", vec![SandboxEvent::Requested(requested)]),
        ("confirmed", confirmed.to_vec()),
    ]
}

pub(super) fn host() -> Vec<(&'static str, Vec<HostEvent>)> {
    vec![(
        "down",
        vec![HostEvent::Down(HostDown {
            life: life(),
            lease: 0,
        })],
    )]
}

pub(super) fn commands() -> Vec<(&'static str, SandboxCommand)> {
    let due = Some(DUE);
    let create = Create {
        spec: survivor(),
        fork: None,
        placement: None,
    };
    let generation = Generation(2);
    let (kill, pause) = (StopReason::TimedOut, PauseReason::TimedOut);
    vec![
        ("create.on_host_down", SandboxCommand::Create(create)),
        (
            "host_down",
            SandboxCommand::HostDown(HostDownCommand { generation }),
        ),
        ("kill.due", SandboxCommand::Kill(Kill { reason: kill, due })),
        ("pause.due", SandboxCommand::Pause(Pause { reason: pause, due })),
    ]
}

pub(super) fn leases() -> impl Iterator<Item = Sample> {
    let held = Lease::Held {
        life: life(),
        ttl_ms: 20_000,
    };
    let revoked = Lease::Revoked {
        life: life(),
        at: DUE,
    };
    [("held", held), ("revoked", revoked)]
        .into_iter()
        .map(|(name, lease)| {
            sample(
                &format!("lease.{name}.msgpack"),
                lease,
                Lease::encode,
                Lease::decode,
            )
        })
}
