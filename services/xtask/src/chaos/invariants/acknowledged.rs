//! Whatever a client was told has happened stands in the log, no later than where the answer said.

use roost_schemas::ProcessId;
use roost_schemas::event::{ExitStatus, SandboxEvent};

use crate::chaos::history::{Entry, History};
use crate::chaos::notebook::{Acknowledged, Broken, Invariant, Notebook, Told};

pub(super) fn check(history: &History, notebook: &Notebook) {
    let acknowledged = notebook.open().acknowledged.clone();
    for one in &acknowledged {
        if let Err(lacks) = stands(history, one) {
            let Acknowledged {
                told,
                key,
                sandbox,
                sequence,
            } = one;
            let seen = format!("{sandbox} {} by {key} at {sequence}: {lacks}", told.word());
            notebook.broken(Invariant::Acknowledged, Some(sandbox), seen);
        }
    }
}

/// What the log lacks, if it does.
fn stands(history: &History, one: &Acknowledged) -> Result<(), String> {
    if one.sequence > history.head() {
        return Err(format!("the log ends at {}", history.head()));
    }
    let shown = || {
        history
            .of(&one.sandbox)
            .filter(|entry| entry.sequence <= one.sequence)
    };
    let has = |wanted: fn(&SandboxEvent) -> bool| shown().any(|entry| entry.events.iter().any(wanted));
    let by_key = || shown().find(|entry| entry.command_id == one.key);
    match &one.told {
        Told::Created => {
            by_key().ok_or("it was not asked for by this command")?;
            lacks(has(is_running), "it did not come to run")
        }
        Told::Forked => lacks(has(is_running), "it did not come to run"),
        Told::Ran => {
            by_key().ok_or("its admission")?;
            let process = ProcessId::from_command(&one.sandbox, &one.key);
            lacks(
                shown().any(|entry| exited(entry, &process)),
                "its end with code 0",
            )
        }
        // A command that found it so already has no commit of its own.
        Told::Paused => lacks(has(is_paused), "it was never paused"),
        Told::Resumed => lacks(has(is_running), "it never ran"),
        Told::TimeoutSet => by_key().map(drop).ok_or_else(|| "its commit".to_owned()),
        Told::Killed => lacks(has(is_end), "its end"),
        Told::Saved(name) => {
            by_key().ok_or("its commit")?;
            lacks(history.saved.contains_key(name), "the template")
        }
        Told::Accepted { commits } => accepted(history.at(one.sequence), one, *commits),
    }
}

fn accepted(found: Option<&Entry>, one: &Acknowledged, commits: bool) -> Result<(), String> {
    let found = found.ok_or("nothing stands there")?;
    let is_its = found.command_id == one.key || !commits;
    let subject = found.subject.to_string();
    lacks(
        is_its && subject.ends_with(&format!(".sandbox.{}", one.sandbox)),
        &format!("{} of {subject} stands there", found.command_id),
    )
}

fn lacks(is_there: bool, what: &str) -> Result<(), String> {
    is_there.then_some(()).ok_or_else(|| what.to_owned())
}

fn exited(entry: &Entry, process: &ProcessId) -> bool {
    entry.events.iter().any(|event| {
        matches!(event, SandboxEvent::ProcessExited(exited)
            if exited.process == *process && exited.status == ExitStatus::Exited { code: 0 })
    })
}

fn is_running(event: &SandboxEvent) -> bool {
    matches!(event, SandboxEvent::Running(_))
}

fn is_paused(event: &SandboxEvent) -> bool {
    matches!(event, SandboxEvent::Paused(_) | SandboxEvent::Reverted(_))
}

fn is_end(event: &SandboxEvent) -> bool {
    matches!(
        event,
        SandboxEvent::Stopped | SandboxEvent::Lost(_) | SandboxEvent::Failed(_)
    )
}

/// The acknowledgements that the log has nothing of.
pub(in crate::chaos) fn count(notebook: &Notebook) -> usize {
    let pages = notebook.open();
    let lost = |broken: &&Broken| broken.invariant == Invariant::Acknowledged;
    pages.broken.iter().filter(lost).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::history::of_commits;
    use crate::chaos::invariants::life::tests::{requested, running, started};
    use roost_schemas::{CommandId, SandboxId, Sequence};

    fn lost(history: &History, told: Told, key: &str, sequence: u64) -> usize {
        let notebook = Notebook::default();
        notebook.open().acknowledged.push(Acknowledged {
            told,
            key: CommandId::new(key).unwrap(),
            sandbox: SandboxId::new("sb").unwrap(),
            sequence: Sequence(sequence),
        });
        check(history, &notebook);
        count(&notebook)
    }

    fn history() -> History {
        of_commits(vec![
            ("sb", "k1", vec![requested()]),
            ("sb", "r1", vec![running(1, 20_000)]),
            ("sb", "k2", vec![started("p1")]),
        ])
    }

    #[test]
    fn what_stands_where_the_answer_said_is_no_loss() {
        assert_eq!(lost(&history(), Told::Created, "k1", 2), 0);
        assert_eq!(lost(&history(), Told::Accepted { commits: true }, "k2", 3), 0);
        assert_eq!(lost(&history(), Told::Accepted { commits: false }, "k9", 3), 0);
    }

    #[test]
    fn what_is_missing_or_stands_elsewhere_is_a_loss() {
        assert_eq!(lost(&history(), Told::Created, "k1", 4), 1, "behind the end");
        assert_eq!(lost(&history(), Told::Created, "k1", 1), 1, "before it ran");
        assert_eq!(lost(&history(), Told::Created, "k9", 2), 1, "by another command");
        assert_eq!(lost(&history(), Told::Ran, "k2", 3), 1, "it has not ended");
        assert_eq!(lost(&history(), Told::Killed, "k3", 3), 1, "it lives");
        assert_eq!(lost(&history(), Told::Accepted { commits: true }, "k2", 2), 1);
    }
}
