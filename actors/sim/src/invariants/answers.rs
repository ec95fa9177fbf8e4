//! What clients were answered, held against the log.

use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::command::SandboxCommand;
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::reply::Accepted;
use roost_schemas::subject::{AggregateId, EventSubject};

use super::history::History;
use super::{broken, rule};
use crate::client::EXPIRED;
use crate::record::{Diary, Outcome, Sending};
use crate::world::Violation;

/// How many answers were looked at.
#[derive(Debug, Default)]
pub(super) struct Answers {
    seen: usize,
}

impl Answers {
    /// Looks at the answers that came since it last looked.
    pub(super) fn check(&mut self, diary: &Diary, history: &History) -> Result<(), Violation> {
        for sending in diary.learned_after(self.seen) {
            self.seen += 1;
            match &sending.outcome {
                Outcome::Accepted(accepted) => acknowledged(history, &sending, accepted)?,
                Outcome::Rejected(_) => rejected(diary, history, &sending)?,
                Outcome::Waiting | Outcome::Unknown | Outcome::Refused => {}
            }
        }
        Ok(())
    }
}

fn subject(sending: &Sending) -> EventSubject {
    let tenant = sending.subject.tenant.clone();
    let aggregate = match &sending.command {
        Some(SandboxCommand::DeleteTemplate(delete)) => AggregateId::Template(delete.name.clone()),
        _ => AggregateId::Sandbox(sending.subject.sandbox.clone()),
    };
    EventSubject { tenant, aggregate }
}

/// What was accepted stands in the log, or asked for what was so already.
fn acknowledged(history: &History, sending: &Sending, accepted: &Accepted) -> Result<(), Violation> {
    let subject = subject(sending);
    let id = &sending.message.command_id;
    let untrue = |detail: &str| {
        let detail = format!("command {id} on {subject} was answered {accepted:?}, but {detail}");
        broken(rule::ACKNOWLEDGED, detail)
    };
    if !history.stands(&subject, accepted.sequence) {
        return untrue("no commit of it stands there");
    }
    if sending.message.deadline == Some(EXPIRED) {
        let detail = format!("command {id} on {subject} was answered {accepted:?}");
        return broken(rule::DEADLINE, detail);
    }
    let commit = history.commit_of(&subject, id);
    if commit.is_some_and(|commit| commit != accepted.sequence) {
        return untrue(&format!("its commit stands at {commit:?}"));
    }
    let Some(life) = history.life(&subject) else {
        return match commit {
            Some(_) => Ok(()),
            None => untrue("it has no commit"),
        };
    };
    let Some(was) = life.was.get(&accepted.sequence) else {
        return untrue("nothing happened to it there");
    };
    if was.phase.as_str() != accepted.state {
        return untrue(&format!("it was {} there", was.phase.as_str()));
    }
    let Some(command) = &sending.command else {
        return untrue("it was garbage");
    };
    if commit.is_none() && !is_so(was, command) {
        return untrue(&format!("it has no commit, and {command:?} was not so"));
    }
    Ok(())
}

/// Whether what `command` asks for is so without it, for good: what a client asks of a sandbox that lives is put on record
/// even then.
fn is_so(sandbox: &Sandbox, command: &SandboxCommand) -> bool {
    let phase = sandbox.phase;
    match command {
        SandboxCommand::Start(start) => start.generation == sandbox.generation() && phase != Phase::Placed,
        SandboxCommand::Pause(pause) if pause.reason == PauseReason::TimedOut => {
            phase != Phase::Running || pause.due != sandbox.expires_at
        }
        SandboxCommand::Kill(kill) if kill.reason == StopReason::TimedOut => {
            phase != Phase::Running || kill.due != sandbox.expires_at
        }
        SandboxCommand::Kill(_) => phase.is_end(),
        SandboxCommand::HostDown(_) => matches!(phase, Phase::Paused | Phase::Stopping) || phase.is_end(),
        _ => false,
    }
}

/// What was rejected has not taken effect, unless somebody else sent it too.
fn rejected(diary: &Diary, history: &History, sending: &Sending) -> Result<(), Violation> {
    let id = &sending.message.command_id;
    if id.is_reserved() {
        // A host may well report under it.
        return Ok(());
    }
    let others = |other: &Sending| other.message.command_id == *id;
    if diary.find(others).len() > 1 {
        return Ok(());
    }
    match history.commit_of(&subject(sending), id) {
        None => Ok(()),
        Some(at) => broken(
            rule::REJECTED,
            format!(
                "command {id} was answered {:?}, and stands at {at}",
                sending.outcome
            ),
        ),
    }
}
