//! The phases a sandbox goes through, and the bounds on what it survives.

use proptest::prelude::*;
use roost_domain::sandbox::{Command, MAX_CRASHES, MAX_START_ATTEMPTS, Phase};
use roost_domain::{Decision, Rejection};
use roost_schemas::Generation;
use roost_schemas::event::{SandboxEvent, StopReason};

use crate::support::commands::steps;
use crate::support::{History, crashed, start_failed};

/// What the diagram in `sandbox.rs` shows, and the loss of one whose actor keeps panicking.
fn in_the_diagram(from: Phase, to: Phase) -> bool {
    let live = [Phase::Placed, Phase::Starting, Phase::Running, Phase::Stopping];
    match to {
        Phase::Absent | Phase::Requested => false,
        Phase::Placed => from == Phase::Absent,
        Phase::Starting => from == Phase::Placed,
        Phase::Running | Phase::Failed => from == Phase::Starting,
        Phase::Stopping => live[..3].contains(&from),
        Phase::Stopped => from == Phase::Stopping,
        Phase::Lost => live.contains(&from),
    }
}

fn generation_named(command: &Command) -> Option<Generation> {
    match command {
        Command::Start(start) => Some(start.generation),
        Command::Started { generation, .. }
        | Command::StartFailed { generation, .. }
        | Command::Ended { generation }
        | Command::Vanished { generation, .. }
        | Command::ProcessAsked { generation, .. }
        | Command::Crashed { generation, .. } => Some(*generation),
        Command::Create(_)
        | Command::Exec { .. }
        | Command::SetTimeout(_)
        | Command::SetNetwork(_)
        | Command::Kill(_)
        | Command::ProcessEnded(_) => None,
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
            assert!(before.state.generation() <= after.state.generation());
            let current = before.state.generation();
            match generation_named(&envelope.command) {
                Some(given) if given != current && before.state.phase != Phase::Absent => {
                    let refused = Err(Rejection::StaleGeneration { given, current });
                    assert!(*answer == refused || matches!(answer, Ok(Decision::Done(_))), "{answer:?}");
                }
                _ => {}
            }
        });
    }

    #[test]
    fn boots_and_panics_are_bounded(steps in steps()) {
        let history = History::of(&steps);
        let count = |is: fn(&SandboxEvent) -> bool| history.events().filter(|event| is(event)).count();
        let boots = count(|event| matches!(event, SandboxEvent::StartFailed(_)));
        prop_assert!(boots <= MAX_START_ATTEMPTS as usize);
        prop_assert_eq!(boots == MAX_START_ATTEMPTS as usize, history.folded.state.phase == Phase::Failed);
        let panics = count(|event| matches!(event, SandboxEvent::ActorCrashed(_)));
        prop_assert!(panics <= MAX_CRASHES as usize + 1);
        prop_assert!(panics <= MAX_CRASHES as usize || history.folded.state.phase == Phase::Lost);
    }

    #[test]
    fn a_time_that_is_not_over_kills_nothing(steps in steps()) {
        History::watched(&steps, |before, envelope, answer, after| {
            let Command::Kill(kill) = &envelope.command else { return };
            let early = before.state.expires_at.is_none_or(|due| envelope.at < due);
            if kill.reason == StopReason::TimedOut && early {
                assert!(!matches!(answer, Ok(Decision::Commit(_))));
                assert_eq!(before, after);
            }
        });
    }
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
fn one_panic_too_many_loses_the_sandbox_from_any_live_phase() {
    for phase in [Phase::Placed, Phase::Starting, Phase::Running, Phase::Stopping] {
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
