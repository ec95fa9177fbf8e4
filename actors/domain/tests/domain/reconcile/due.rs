//! Sandboxes whose time is over.

use std::time::Duration;

use roost_domain::Decision;
use roost_domain::reconcile::{EXPIRY_PATIENCE, Observed, PAUSE_PATIENCE, plan};
use roost_domain::sandbox::{Command, Phase};
use roost_schemas::Timestamp;
use roost_schemas::command::{Kill, Pause, SandboxCommand, SetTimeout};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::spec::OnTimeout;

use super::{command, fleet_of, observed, only, shifted};
use crate::support::pauses::pause_failed;
use crate::support::{History, create, start, started};

/// One that is to be paused when its time is over.
fn sleeper() -> History {
    let mut create = create();
    create.spec.on_timeout = OnTimeout::Pause;
    let mut history = History::default();
    for command in [Command::Create(create), start(), started()] {
        history.tell(command).unwrap();
    }
    history
}

#[test]
fn a_sandbox_expires_at_its_time_and_is_told_again_a_round_later() {
    let history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let fleet = fleet_of(&[history]);
    let id = |now| only(&fleet, now).map(|correction| correction.command_id);
    let round = i64::try_from(EXPIRY_PATIENCE.as_millis()).unwrap();
    assert_eq!(id(shifted(due, -1)), None);
    assert_eq!(id(due), id(shifted(due, round - 1)), "the same within a round");
    assert_ne!(id(due), id(shifted(due, round)));
    let correction = only(&fleet, due).unwrap();
    assert_eq!(correction.subject.to_string(), "roost.cmd.default.h1.sb0");
    let kill = Kill {
        reason: StopReason::TimedOut,
        due: Some(due),
    };
    assert_eq!(correction.command, SandboxCommand::Kill(kill));
}

#[test]
fn the_time_of_day_ends_nobody() {
    let fleet = fleet_of(&[History::in_phase(Phase::Running)]);
    let far = Timestamp(u64::MAX);
    let unseen = Observed {
        now: far,
        ..Observed::default()
    };
    assert_eq!(plan(&fleet, &unseen).corrections, []);
    let mut early = observed(&fleet, far);
    early.now = Timestamp(0);
    let corrections = plan(&fleet, &early).corrections;
    assert_eq!(
        corrections.len(),
        1,
        "its time is over, whatever the clock was set to"
    );
}

#[test]
fn an_expiry_that_was_overtaken_by_a_longer_time_kills_nothing() {
    let mut history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let correction = only(&fleet_of(&[history.clone()]), due).unwrap();
    let longer = SetTimeout {
        timeout_sec: 3_600,
        extend: false,
    };
    history.tell(Command::SetTimeout(longer)).unwrap();
    let answer = history.ask(&command(&correction, due));
    assert_eq!(answer, Ok(Decision::Nothing(history.folded.sequence)));
    // The longer time has an id of its own, so that its expiry is not taken for the one before.
    let later = history.folded.state.expires_at.unwrap();
    let again = only(&fleet_of(&[history]), later).unwrap();
    assert_ne!(again.command_id, correction.command_id);
}

#[test]
fn however_often_an_expiry_is_told_it_ends_the_sandbox_once() {
    let mut history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let fleet = fleet_of(&[history.clone()]);
    let rounds = (0..20).map(|round| due.plus(EXPIRY_PATIENCE * round));
    let told: Vec<_> = rounds
        .map(|now| command(&only(&fleet, now).unwrap(), now))
        .collect();
    let commits = told.iter().chain(&told).filter(|envelope| {
        let answer = history.ask(envelope).unwrap();
        matches!(answer, Decision::Commit(_))
    });
    assert_eq!(commits.count(), 1);
    assert_eq!(history.folded.state.phase, Phase::Stopping);
}

#[test]
fn a_sandbox_that_is_to_be_paused_at_its_time_is_told_to() {
    let mut history = sleeper();
    let due = history.folded.state.expires_at.unwrap();
    let fleet = fleet_of(&[history.clone()]);
    assert_eq!(only(&fleet, shifted(due, -1)), None);
    let correction = only(&fleet, due).unwrap();
    let pause = Pause {
        reason: PauseReason::TimedOut,
        due: Some(due),
    };
    assert_eq!(correction.command, SandboxCommand::Pause(pause));
    history.ask(&command(&correction, due)).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Pausing);
}

#[test]
fn a_pause_that_failed_is_told_again_when_patience_is_over_and_under_another_id() {
    let mut history = sleeper();
    let due = history.folded.state.expires_at.unwrap();
    let first = only(&fleet_of(&[history.clone()]), due).unwrap();
    history.ask(&command(&first, due)).unwrap();
    history.tell(pause_failed()).unwrap();
    let fleet = fleet_of(&[history.clone()]);
    let id = |now| only(&fleet, now).map(|correction| correction.command_id);
    let round = |times: u32| due.plus(PAUSE_PATIENCE * times);
    let before = |at: Timestamp| shifted(at, -1);
    assert_eq!(id(before(round(1))), None);
    assert_eq!(
        id(round(1)),
        id(before(round(3))),
        "the second round is twice as long"
    );
    assert_ne!(id(round(1)), id(round(3)));
    let second = only(&fleet, round(1)).unwrap();
    assert_ne!(second.command_id, first.command_id);
    history.ask(&command(&second, round(1))).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Pausing);
}

#[test]
fn one_that_has_come_to_stand_still_is_not_told_whatever_was_seen_of_its_time() {
    let history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let seen = observed(&fleet_of(&[history]), due.plus(Duration::from_mins(1)));
    for phase in [Phase::Pausing, Phase::Paused, Phase::Stopping, Phase::Stopped] {
        let fleet = fleet_of(&[History::in_phase(phase)]);
        assert_eq!(plan(&fleet, &seen).corrections, [], "{phase:?}");
    }
}
