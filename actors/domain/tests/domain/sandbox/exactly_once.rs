//! A command takes effect once, whoever folds the log and however often it is delivered.

use std::collections::BTreeSet;

use proptest::prelude::*;
use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_domain::{Decision, Folded};
use roost_schemas::command::SetTimeout;

use crate::support::commands::steps;
use crate::support::{History, started};

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
    fn a_repeated_command_is_answered_with_its_commit(steps in steps()) {
        let history = History::of(&steps);
        for folded in [&history.folded, &replayed(&history)] {
            for (sequence, commit) in &history.commits {
                let repeated = history.asked.iter().filter(|envelope| envelope.command_id == commit.command_id);
                for envelope in repeated {
                    prop_assert_eq!(folded.decide(envelope), Ok(Decision::Done(*sequence)));
                }
            }
        }
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

/// As many commits as an aggregate remembers, besides the first.
const REMEMBERED: usize = 256;

fn busy(commits: usize) -> History {
    let mut history = History::in_phase(Phase::Running);
    for _ in 0..commits {
        history.now.0 += 1;
        history
            .tell(Command::SetTimeout(SetTimeout {
                timeout_sec: 60,
                extend: false,
            }))
            .unwrap();
    }
    history
}

#[test]
fn the_last_commits_and_the_first_are_remembered() {
    let history = busy(2 * REMEMBERED);
    let remembered = |index: usize| {
        let (sequence, commit) = &history.commits[index];
        let asked = history
            .asked
            .iter()
            .find(|envelope| envelope.command_id == commit.command_id)
            .unwrap();
        history.folded.decide(asked) == Ok(Decision::Done(*sequence))
    };
    let oldest = history.commits.len() - REMEMBERED;
    assert!((oldest..history.commits.len()).all(remembered));
    assert!(!remembered(oldest - 1), "memory is bounded");
    assert!(remembered(0), "a create is never done twice");
}

#[test]
fn what_was_rejected_is_decided_anew() {
    let mut history = History::in_phase(Phase::Starting);
    let set = Command::SetTimeout(SetTimeout {
        timeout_sec: 60,
        extend: false,
    });
    history.tell(set).unwrap_err();
    let rejected = history.asked.last().unwrap().clone();
    history.tell(started()).unwrap();
    assert!(matches!(history.ask(&rejected), Ok(Decision::Commit(_))));
}
