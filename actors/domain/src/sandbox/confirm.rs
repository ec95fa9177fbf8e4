//! Commands that ask for what is so already: put on record while the sandbox lives, because it may not stay so.

use roost_schemas::command::SandboxCommand;
use roost_schemas::event::{Confirmed, PauseReason, SandboxEvent, StopReason};

use super::{Command, Phase, Sandbox};

/// What a client asked for. Nothing follows an end, where whatever is asked again has the same answer anyway; and what is
/// told of a time that is over concerns that time only.
pub(super) fn confirm(sandbox: &Sandbox, command: &Command) -> Option<SandboxEvent> {
    if sandbox.phase == Phase::Absent || sandbox.phase.is_end() {
        return None;
    }
    let command = match command {
        Command::SetTimeout(set) => SandboxCommand::SetTimeout(*set),
        Command::SetNetwork(set) => SandboxCommand::SetNetwork(set.clone()),
        Command::Pause { pause, .. } if pause.reason == PauseReason::Requested => {
            SandboxCommand::Pause(*pause)
        }
        Command::Resume(resume) => SandboxCommand::Resume(*resume),
        Command::Snapshot { take, .. } => SandboxCommand::Snapshot(take.clone()),
        Command::Kill(kill) if kill.reason == StopReason::Requested => SandboxCommand::Kill(*kill),
        _ => return None,
    };
    let command = Box::new(command);
    Some(SandboxEvent::Confirmed(Confirmed { command }))
}
