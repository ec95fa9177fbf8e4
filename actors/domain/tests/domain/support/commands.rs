//! Random commands, of which most make sense at some time and many do not when they come.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roost_domain::sandbox::{Command, ProcessEnd};
use roost_schemas::Generation;
use roost_schemas::command::{SetNetwork, SetTimeout, Start};
use roost_schemas::event::{EngineKind, StopReason};
use roost_schemas::network::NetworkPolicy;

use super::events::{cause, exit_status};
use super::{FIRST, asked, create, exec, kill, process_id, start, started};

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
    /// Which of the processes so far a report of an end is about.
    pub(crate) process: Index,
}

fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![8 => Just(FIRST), 1 => Just(Generation(0)), 1 => Just(Generation(2))]
}

fn reported() -> impl Strategy<Value = Command> {
    let started = |(generation, boot_ms)| Command::Started {
        generation,
        engine: EngineKind::Firecracker,
        engine_version: "1.16.1".into(),
        boot_ms,
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
        2 => (generation(), ".{0,9}").prop_map(|(generation, message)| Command::Crashed { generation, message }),
    ]
}

fn requested() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => Just(Command::Create(create())),
        2 => generation().prop_map(|generation| Command::Start(Start { generation })),
        8 => prop_oneof![8 => Just("ls"), 1 => Just("")]
            .prop_map(|cmd| Command::Exec { process: process_id("never"), exec: exec(cmd) }),
        2 => (0..120u32, any::<bool>())
            .prop_map(|(timeout_sec, extend)| Command::SetTimeout(SetTimeout { timeout_sec, extend })),
        1 => any::<bool>()
            .prop_map(|internet| Command::SetNetwork(SetNetwork { policy: NetworkPolicy { internet, ..NetworkPolicy::default() } })),
        3 => Just(kill(StopReason::TimedOut)),
        1 => Just(kill(StopReason::Requested)),
    ]
}

/// Any command.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![requested(), reported()]
}

fn step(command: impl Strategy<Value = Command>) -> impl Strategy<Value = Step> {
    let id = prop_oneof![9 => Just(Id::Fresh), 1 => any::<Index>().prop_map(Id::Again)];
    let after_ms = prop_oneof![9 => 0..5_000u64, 1 => 30_000..90_000u64];
    (id, after_ms, command, any::<Index>()).prop_map(|(id, after_ms, command, process)| Step {
        id,
        after_ms,
        command,
        process,
    })
}

/// Up to 60 commands, which mostly begin as a life does; fewer than an aggregate remembers.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let first = [Command::Create(create()), start(), started()];
    let usual = first.map(|command| step(Just(command)));
    let length = prop_oneof![1 => 0..3usize, 3 => Just(3)];
    let beginning =
        (length, usual).prop_map(|(length, usual)| usual.into_iter().take(length).collect::<Vec<_>>());
    (beginning, vec(step(command()), 0..57)).prop_map(|(mut steps, rest)| {
        steps.extend(rest);
        steps
    })
}
