//! The phases a sandbox goes through, and the bounds on what it survives.

use proptest::prelude::*;
use roost_domain::sandbox::{Command, MAX_CRASHES, MAX_START_ATTEMPTS, Phase};
use roost_domain::{Decision, Rejection};
use roost_schemas::event::{Cause, PauseReason, SandboxEvent, StopReason};
use roost_schemas::{Generation, Timestamp};

use crate::support::commands::{generation_of, steps};
use crate::support::{History, crashed, expired, kill, start_failed};

/// What the diagram in `sandbox.rs` shows, and what becomes of one whose actor keeps panicking.
fn in_the_diagram(from: Phase, to: Phase) -> bool {
    let has_or_awaits_a_vm = [
        Phase::Placed,
        Phase::Starting,
        Phase::Running,
        Phase::Pausing,
        Phase::Stopping,
    ];
    match to {
        Phase::Absent | Phase::Requested => false,
        Phase::Placed => from == Phase::Absent,
        Phase::Starting => from == Phase::Placed,
        Phase::Running => [Phase::Starting, Phase::Pausing, Phase::Resuming].contains(&from),
        Phase::Pausing => from == Phase::Running,
        // From running without a pause: back to what it was sealed as last, when its host is down.
        Phase::Paused => [Phase::Running, Phase::Pausing, Phase::Resuming].contains(&from),
        Phase::Resuming => from == Phase::Paused,
        Phase::Failed => from == Phase::Starting,
        Phase::Stopping => {
            has_or_awaits_a_vm.contains(&from) || [Phase::Paused, Phase::Resuming].contains(&from)
        }
        Phase::Stopped => from == Phase::Stopping,
        Phase::Lost => has_or_awaits_a_vm.contains(&from),
    }
}

proptest! {
    #[test]
    fn a_phase_changes_only_as_the_diagram_shows_and_an_end_is_final(steps in steps()) {
        History::watched(&steps, |before, envelope, answer, after| {
            let (from, to) = (before.state.phase, after.state.phase);
            assert!(from == to || in_the_diagram(from, to), "{from:?} to {to:?} by {envelope:?}");
            if from.is_end() {
                assert!(!matches!(answer, Ok(Decision::Commit(_))), "{envelope:?} after {from:?}");
            }
        });
    }

    #[test]
    fn a_sandbox_is_requested_first_and_once(steps in steps()) {
        let history = History::of(&steps);
        let requested = |event: &SandboxEvent| matches!(event, SandboxEvent::Requested(_));
        let positions: Vec<_> = history.events().enumerate().filter(|(_, event)| requested(event)).collect();
        if let Some((first, _)) = positions.first() {
            prop_assert_eq!(*first, 0);
        }
        prop_assert_eq!(positions.len(), usize::from(!history.commits.is_empty()));
    }

    #[test]
    fn a_generation_never_falls_and_another_one_is_refused(steps in steps()) {
        History::watched(&steps, |before, envelope, answer, after| {
            let raised = after.state.generation().0 - before.state.generation().0;
            let placed = matches!((before.state.phase, after.state.phase),
                (Phase::Absent, Phase::Placed) | (Phase::Paused, Phase::Resuming));
            assert_eq!(raised, u64::from(placed), "a create and a resume are placements, and nothing else is");
            let current = before.state.generation();
            match generation_of(&mut envelope.command.clone()) {
                Some(given) if *given != current && before.state.phase != Phase::Absent => {
                    let refused = Err(Rejection::StaleGeneration { given: *given, current });
                    assert!(*answer == refused || matches!(answer, Ok(Decision::Done(_))), "{answer:?}");
                }
                _ => {}
            }
        });
    }

    #[test]
    fn boots_are_bounded(steps in steps()) {
        let history = History::of(&steps);
        let failed = history.events().filter_map(|event| match event {
            SandboxEvent::StartFailed(failed) => Some(&failed.cause),
            _ => None,
        });
        let causes: Vec<_> = failed.collect();
        let from = history.folded.state.requested.as_ref().and_then(|requested| requested.from.as_ref());
        let hopeless = from.is_some() && matches!(causes.last(), Some(Cause::SnapshotUnusable { .. }));
        prop_assert!(causes.len() <= MAX_START_ATTEMPTS as usize);
        let last = hopeless || causes.len() == MAX_START_ATTEMPTS as usize;
        prop_assert_eq!(last, history.folded.state.phase == Phase::Failed);
    }

    #[test]
    fn panics_are_bounded_unless_it_is_paused(steps in steps()) {
        History::watched(&steps, |before, _, _, after| {
            let (before, after) = (&before.state, &after.state);
            if after.crashes == before.crashes + 1 {
                let too_many = after.crashes > MAX_CRASHES;
                let expected = match before.phase {
                    Phase::Paused | Phase::Resuming if too_many => Phase::Paused,
                    _ if too_many => Phase::Lost,
                    phase => phase,
                };
                assert_eq!(after.phase, expected);
            } else {
                let anew = before.generation() < after.generation();
                assert_eq!(after.crashes, if anew { 0 } else { before.crashes });
            }
        });
    }

    #[test]
    fn a_time_that_was_moved_ends_nothing(steps in steps()) {
        History::watched(&steps, |before, envelope, answer, after| {
            let due = match &envelope.command {
                Command::Kill(kill) if kill.reason == StopReason::TimedOut => kill.due,
                Command::Pause { pause, .. } if pause.reason == PauseReason::TimedOut => pause.due,
                _ => return,
            };
            if due.is_none() || before.state.expires_at != due {
                assert!(!matches!(answer, Ok(Decision::Commit(_))));
                assert_eq!(before, after);
            }
        });
    }
}

#[test]
fn a_time_that_is_over_ends_it_and_one_that_was_moved_does_not() {
    let mut history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    for other in [Timestamp(due.0 - 1), Timestamp(due.0 + 1)] {
        assert_eq!(history.tell(expired(other)), nothing);
    }
    assert_eq!(history.tell(kill(StopReason::TimedOut)), nothing, "when?");
    history.now = Timestamp(0);
    history.tell(expired(due)).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Stopping);
    assert_eq!(history.folded.state.stop_reason, Some(StopReason::TimedOut));
}

#[test]
fn the_last_boot_that_fails_fails_the_sandbox() {
    let mut history = History::in_phase(Phase::Starting);
    for attempt in 1..=MAX_START_ATTEMPTS {
        assert_eq!(history.folded.state.phase, Phase::Starting);
        history.tell(start_failed()).unwrap();
        assert_eq!(history.folded.state.failed_starts, attempt);
    }
    assert_eq!(history.folded.state.phase, Phase::Failed);
}

#[test]
fn one_panic_too_many_loses_a_sandbox_that_is_not_paused() {
    for phase in [
        Phase::Placed,
        Phase::Starting,
        Phase::Running,
        Phase::Pausing,
        Phase::Stopping,
    ] {
        let mut history = History::in_phase(phase);
        for _ in 0..MAX_CRASHES {
            history.tell(crashed()).unwrap();
            assert_eq!(history.folded.state.phase, phase);
        }
        history.tell(crashed()).unwrap();
        assert_eq!(history.folded.state.phase, Phase::Lost);
    }
}

#[test]
fn a_panics_words_are_cut() {
    let mut history = History::in_phase(Phase::Running);
    let message = "é".repeat(10_000);
    history
        .tell(Command::Crashed {
            generation: Generation(1),
            message,
        })
        .unwrap();
    let Some(SandboxEvent::ActorCrashed(crashed)) = history.events().last() else {
        panic!("no crash")
    };
    assert_eq!(crashed.message, "é".repeat(500));
}
