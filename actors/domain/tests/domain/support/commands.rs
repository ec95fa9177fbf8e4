//! Random commands, of which most make sense at some time and many do not when they come.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::Index;
use roost_domain::sandbox::{Command, ProcessEnd};
use roost_schemas::Generation;
use roost_schemas::command::{Resume, SetNetwork, SetTimeout, Start};
use roost_schemas::event::{EngineKind, PauseReason, StopReason};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::spec::{OnHostDown, OnTimeout};

use super::events::{cause, exit_status};
use super::pauses::{pause, pause_for, resume, sealed, take};
use super::{
    FIRST, asked, create, create_from, exec, kill, process_id, snapshot, snapshot_id, start, started,
    template_name,
};

/// Which id a command has.
#[derive(Debug, Clone)]
pub(crate) enum Id {
    /// One that was never used.
    Fresh,
    /// That of an earlier command.
    Again(Index),
}

/// One command of a sequence.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) id: Id,
    /// Milliseconds after the one before.
    pub(crate) after_ms: u64,
    pub(crate) command: Command,
    /// Which of the processes, or of the snapshots, so far a report is about.
    pub(crate) which: Index,
}

/// The placement that a command is about, if it names one.
pub(crate) fn generation_of(command: &mut Command) -> Option<&mut Generation> {
    match command {
        Command::Start(start) => Some(&mut start.generation),
        Command::Started { generation, .. }
        | Command::StartFailed { generation, .. }
        | Command::Sealed { generation, .. }
        | Command::PauseFailed { generation, .. }
        | Command::ResumeFailed { generation, .. }
        | Command::SnapshotTaken { generation, .. }
        | Command::Ended { generation }
        | Command::Vanished { generation, .. }
        | Command::HostDown { generation }
        | Command::ProcessAsked { generation, .. }
        | Command::Crashed { generation, .. } => Some(generation),
        Command::Create(_)
        | Command::Exec { .. }
        | Command::SetTimeout(_)
        | Command::SetNetwork(_)
        | Command::Pause { .. }
        | Command::Resume(_)
        | Command::Snapshot { .. }
        | Command::Kill(_)
        | Command::SnapshotFailed { .. }
        | Command::TemplateSaved { .. }
        | Command::Compacted { .. }
        | Command::ProcessEnded(_) => None,
    }
}

/// Mostly the current one.
fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![8 => Just(FIRST), 1 => Just(Generation(0)), 1 => Just(Generation(2))]
}

fn reported() -> impl Strategy<Value = Command> {
    let started = |(generation, boot_ms)| Command::Started {
        generation,
        engine: EngineKind::Firecracker,
        engine_version: "1.16.1".into(),
        boot_ms,
        restored_from: None,
    };
    let process_ended =
        (exit_status(), any::<[u64; 3]>()).prop_map(|(status, [duration_ms, stdout_bytes, stderr_bytes])| {
            let process = process_id("never");
            Command::ProcessEnded(ProcessEnd {
                process,
                status,
                duration_ms,
                stdout_bytes,
                stderr_bytes,
            })
        });
    prop_oneof![
        4 => (generation(), any::<u64>()).prop_map(started),
        2 => (generation(), cause()).prop_map(|(generation, cause)| Command::StartFailed { generation, cause }),
        8 => process_ended,
        4 => generation().prop_map(|generation| Command::ProcessAsked { generation, started: asked("never") }),
        2 => generation().prop_map(|generation| Command::Ended { generation }),
        1 => (generation(), cause()).prop_map(|(generation, cause)| Command::Vanished { generation, cause }),
        2 => generation().prop_map(|generation| Command::HostDown { generation }),
        2 => (generation(), ".{0,9}").prop_map(|(generation, message)| Command::Crashed { generation, message }),
        12 => reported_of_snapshots(),
    ]
}

/// Their ids are those of snapshots that were asked for.
fn reported_of_snapshots() -> impl Strategy<Value = Command> {
    let template = || Just(template_name("warm"));
    prop_oneof![
        6 => generation().prop_map(|generation| Command::Sealed { generation, snapshot: snapshot("never") }),
        1 => (generation(), cause()).prop_map(|(generation, cause)| Command::PauseFailed { generation, cause }),
        1 => (generation(), cause()).prop_map(|(generation, cause)| Command::ResumeFailed { generation, cause }),
        4 => generation().prop_map(|generation| Command::SnapshotTaken {
            generation, snapshot: snapshot("never"), held_ms: 7
        }),
        1 => cause().prop_map(|cause| Command::SnapshotFailed { snapshot: snapshot_id("never"), cause }),
        2 => template().prop_map(|name| Command::TemplateSaved { snapshot: snapshot_id("never"), name }),
        2 => Just(Command::Compacted { replaced: snapshot_id("never"), snapshot: snapshot("never") }),
    ]
}

fn requested() -> impl Strategy<Value = Command> {
    let reason = prop_oneof![3 => Just(PauseReason::Requested), 1 => Just(PauseReason::TimedOut)];
    prop_oneof![
        1 => created(),
        2 => generation().prop_map(|generation| Command::Start(Start { generation })),
        8 => prop_oneof![8 => Just("ls"), 1 => Just("")]
            .prop_map(|cmd| Command::Exec { process: process_id("never"), exec: exec(cmd) }),
        2 => (0..120u32, any::<bool>())
            .prop_map(|(timeout_sec, extend)| Command::SetTimeout(SetTimeout { timeout_sec, extend })),
        1 => any::<bool>()
            .prop_map(|internet| Command::SetNetwork(SetNetwork { policy: NetworkPolicy { internet, ..NetworkPolicy::default() } })),
        3 => Just(kill(StopReason::TimedOut)),
        1 => Just(kill(StopReason::Requested)),
        6 => reason.prop_map(|reason| pause_for(reason, "never")),
        6 => of(0..120u32).prop_map(|timeout_sec| Command::Resume(Resume { timeout_sec })),
        3 => Just(take("never", None)),
        1 => prop_oneof![Just("warm"), Just("hot")].prop_map(|name| take("never", Some(name))),
    ]
}

fn created() -> impl Strategy<Value = Command> {
    let from = prop_oneof![2 => Just(create()), 1 => Just(create_from(snapshot("base")))];
    let on_timeout = prop_oneof![Just(OnTimeout::Kill), Just(OnTimeout::Pause)];
    let on_host_down = prop_oneof![Just(OnHostDown::Lose), Just(OnHostDown::Resume)];
    (from, on_timeout, on_host_down).prop_map(|(mut create, on_timeout, on_host_down)| {
        create.spec.on_timeout = on_timeout;
        create.spec.on_host_down = on_host_down;
        Command::Create(create)
    })
}

/// Any command.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![requested(), reported()]
}

fn step(command: impl Strategy<Value = Command>) -> impl Strategy<Value = Step> {
    let id = prop_oneof![9 => Just(Id::Fresh), 1 => any::<Index>().prop_map(Id::Again)];
    let after_ms = prop_oneof![9 => 0..5_000u64, 1 => 30_000..90_000u64];
    (id, after_ms, command, any::<Index>()).prop_map(|(id, after_ms, command, which)| Step {
        id,
        after_ms,
        command,
        which,
    })
}

/// Up to 60 commands, which mostly begin as a life does; fewer than an aggregate remembers.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let then = [
        start(),
        started(),
        pause("never"),
        sealed(FIRST, "never"),
        resume(),
        started(),
    ];
    let usual = (step(created()), then.map(|command| step(Just(command))));
    let length = prop_oneof![1 => 0..3usize, 3 => Just(3), 3 => 4..=7usize];
    let beginning = (length, usual)
        .prop_map(|(length, (first, then))| [first].into_iter().chain(then).take(length).collect::<Vec<_>>());
    (beginning, vec(step(command()), 0..57)).prop_map(|(mut steps, rest)| {
        steps.extend(rest);
        steps
    })
}
