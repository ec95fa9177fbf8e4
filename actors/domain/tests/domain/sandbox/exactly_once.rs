//! A command takes effect once, whoever folds the log and however often it is delivered.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_domain::{Answer, Decision, Folded};
use roost_schemas::CommandId;
use roost_schemas::command::{Pause, SandboxCommand, SetTimeout};
use roost_schemas::event::{Confirmed, PauseReason, SandboxEvent, StopReason};

use crate::support::commands::steps;
use crate::support::pauses::{SECOND, pause, resume, resumed};
use crate::support::{FIRST, History, sandbox_id, started};

fn replayed(history: &History) -> Folded<Sandbox> {
    let mut folded = Folded::default();
    for (sequence, commit) in &history.commits {
        folded.apply(*sequence, commit);
    }
    folded
}

proptest! {
    #[test]
    fn an_id_has_one_commit_at_most(steps in steps()) {
        let history = History::of(&steps);
        let ids: BTreeSet<_> = history.commits.iter().map(|(_, commit)| &commit.command_id).collect();
        prop_assert_eq!(ids.len(), history.commits.len());
        prop_assert!(history.commits.iter().all(|(_, commit)| !commit.events.is_empty()));
    }

    #[test]
    fn whoever_replays_the_commits_has_the_same_sandbox(steps in steps()) {
        let history = History::of(&steps);
        prop_assert_eq!(replayed(&history), history.folded);
    }

    #[test]
    fn a_repeated_command_is_answered_as_the_first_time(steps in steps()) {
        let mut answers = BTreeMap::new();
        let history = History::watched(&steps, |_, envelope, answer, after| {
            if let Ok(Decision::Commit(_)) = answer {
                let (sequence, standing) = (after.sequence, after.state.phase.as_str());
                answers.insert(envelope.command_id.clone(), Answer { sequence, standing });
            }
        });
        prop_assert_eq!(answers.len(), history.commits.len());
        for folded in [&history.folded, &replayed(&history)] {
            for envelope in &history.asked {
                if let Some(first) = answers.get(&envelope.command_id) {
                    prop_assert_eq!(folded.decide(envelope), Ok(Decision::Done(*first)));
                }
            }
        }
    }

    #[test]
    fn whatever_a_client_is_granted_is_on_record_until_the_end(steps in steps()) {
        History::watched(&steps, |before, envelope, answer, _| {
            let asks = matches!(
                envelope.command,
                Command::SetTimeout(_) | Command::SetNetwork(_) | Command::Pause { .. } | Command::Resume(_)
                    | Command::Snapshot { .. } | Command::Exec { .. } | Command::Kill(_)
            );
            if asks && !is_of_time(&envelope.command) && !before.state.phase.is_end() {
                assert!(!matches!(answer, Ok(Decision::Nothing(_))), "{envelope:?}");
            }
        });
    }

    #[test]
    fn a_commit_that_is_delivered_again_changes_nothing(steps in steps()) {
        let history = History::of(&steps);
        let mut folded = history.folded.clone();
        for (sequence, commit) in &history.commits {
            folded.apply(*sequence, commit);
            prop_assert_eq!(&folded, &history.folded);
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer(steps in steps()) {
        let mut again = Folded::default();
        History::watched(&steps, |before, envelope, answer, after| {
            assert_eq!(again, *before);
            assert_eq!(again.decide(envelope), *answer);
            assert_eq!(again.decide(envelope), *answer, "deciding leaves no trace");
            again = after.clone();
        });
    }
}

fn is_of_time(command: &Command) -> bool {
    match command {
        Command::Kill(kill) => kill.reason == StopReason::TimedOut,
        Command::Pause { pause, .. } => pause.reason == PauseReason::TimedOut,
        _ => false,
    }
}

fn timeout(timeout_sec: u32) -> Command {
    let extend = false;
    Command::SetTimeout(SetTimeout { timeout_sec, extend })
}

#[test]
fn every_command_is_remembered_however_many_follow() {
    let mut history = History::in_phase(Phase::Running);
    for _ in 0..5_000 {
        history.now.0 += 1;
        history.tell(timeout(60)).unwrap();
    }
    for ((sequence, commit), asked) in history.commits.iter().zip(&history.asked) {
        assert_eq!(commit.command_id, asked.command_id);
        let Ok(Decision::Done(answer)) = history.folded.decide(asked) else {
            panic!("{asked:?} was forgotten")
        };
        assert_eq!(answer.sequence, *sequence);
    }
}

#[test]
fn a_command_that_asked_for_what_was_so_does_nothing_when_it_is_not_so_any_more() {
    let mut history = History::in_phase(Phase::Paused);
    let Ok(Decision::Commit(confirmed)) = history.tell(pause("s2")) else {
        panic!("it is not on record")
    };
    let command = Box::new(SandboxCommand::Pause(Pause::default()));
    assert_eq!(confirmed.events, [SandboxEvent::Confirmed(Confirmed { command })]);
    let asked = history.asked.last().unwrap().clone();
    let answer = Answer {
        sequence: history.folded.sequence,
        standing: "paused",
    };
    history.tell(resume()).unwrap();
    history.tell(resumed(SECOND, "s1")).unwrap();
    assert_eq!(history.ask(&asked), Ok(Decision::Done(answer)));
    assert_eq!(history.folded.state.phase, Phase::Running);
}

#[test]
fn what_roost_tells_itself_is_not_put_on_record_when_it_is_so() {
    let mut history = History::in_phase(Phase::Paused);
    history.tell(pause("s2")).unwrap();
    let mut asked = history.asked.pop().unwrap();
    asked.command_id = CommandId::system(&sandbox_id("sb1"), FIRST, "expire.1");
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.ask(&asked), nothing);
}

#[test]
fn what_was_rejected_is_decided_anew() {
    let mut history = History::in_phase(Phase::Starting);
    history.tell(timeout(60)).unwrap_err();
    let rejected = history.asked.last().unwrap().clone();
    history.tell(started()).unwrap();
    assert!(matches!(history.ask(&rejected), Ok(Decision::Commit(_))));
}
