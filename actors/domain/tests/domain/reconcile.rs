//! The plan: what is due is commanded, once in a round, and what has ended is left alone.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use roost_domain::fleet::Fleet;
use roost_domain::reconcile::{Correction, EXPIRY_PATIENCE, PAUSE_PATIENCE, START_PATIENCE, plan};
use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_domain::{Aggregate, Decision};
use roost_schemas::command::{Envelope, Pause, SandboxCommand, SetTimeout};
use roost_schemas::event::PauseReason;
use roost_schemas::spec::OnTimeout;
use roost_schemas::subject::{EventSubject, Route};
use roost_schemas::{SnapshotId, Timestamp};

use crate::support::commands::steps;
use crate::support::pauses::pause_failed;
use crate::support::{History, create, sandbox_id, start, started, tenant};

fn fleet_of(histories: &[History]) -> Fleet {
    let mut fleet = Fleet::default();
    for (n, history) in histories.iter().enumerate() {
        let subject = EventSubject::sandbox(tenant(), sandbox_id(&format!("sb{n}")));
        for (sequence, commit) in &history.commits {
            fleet.apply(&subject, *sequence, &commit.encode()).unwrap();
        }
    }
    fleet
}

/// The correction as its host gets it.
fn command(correction: &Correction, at: Timestamp) -> Envelope<Command> {
    let command = match &correction.command {
        SandboxCommand::Start(start) => Command::Start(*start),
        SandboxCommand::Kill(kill) => Command::Kill(*kill),
        SandboxCommand::Pause(pause) => Command::Pause {
            snapshot: SnapshotId::from_command(&correction.subject.sandbox, &correction.command_id),
            pause: *pause,
        },
        other => panic!("a plan has no {other:?}"),
    };
    Envelope {
        command_id: correction.command_id.clone(),
        at,
        principal: "reconciler".into(),
        command,
    }
}

fn is_due(sandbox: &Sandbox, updated_at: Timestamp, now: Timestamp) -> bool {
    match sandbox.phase {
        Phase::Running => sandbox.expires_at.is_some_and(|due| {
            let pauses = sandbox.requested.as_ref().unwrap().spec.on_timeout == OnTimeout::Pause;
            let patient = pauses && sandbox.cause.is_some();
            due <= now && (!patient || now.since(due) >= PAUSE_PATIENCE)
        }),
        Phase::Placed => now.since(updated_at) >= START_PATIENCE,
        _ => false,
    }
}

proptest! {
    #[test]
    fn exactly_what_is_due_is_commanded_and_each_command_is_of_use(ways in vec(steps(), 1..6), after_ms in 0..200_000u64) {
        let histories: Vec<_> = ways.iter().map(|steps| History::of(steps)).collect();
        let fleet = fleet_of(&histories);
        let now = Timestamp(histories.iter().map(|history| history.now.0).max().unwrap() + after_ms);
        let plan = plan(&fleet, now);
        let planned: BTreeSet<_> = plan.iter().map(|correction| &correction.subject.sandbox).collect();
        prop_assert_eq!(planned.len(), plan.len(), "one command for one sandbox");
        for (_, id, view) in fleet.sandboxes() {
            prop_assert_eq!(planned.contains(id), is_due(&view.state, view.updated_at, now), "{:?}", view);
        }
        for correction in &plan {
            let view = fleet.sandbox(&correction.subject.tenant, &correction.subject.sandbox).unwrap();
            let host = view.state.placed.as_ref().map(|placed| placed.host.clone()).unwrap();
            prop_assert_eq!(&correction.subject.route, &Route::Host(host));
            prop_assert!(!view.state.decide(&command(correction, now)).unwrap().is_empty());
        }
    }

    #[test]
    fn ids_are_one_per_sandbox_and_round(ways in vec(steps(), 1..6), at in 0..400_000u64) {
        let histories: Vec<_> = ways.iter().map(|steps| History::of(steps)).collect();
        let fleet = fleet_of(&histories);
        let planned = plan(&fleet, Timestamp(at));
        prop_assert_eq!(&plan(&fleet, Timestamp(at)), &planned);
        let ids: BTreeSet<_> = planned.iter().map(|correction| &correction.command_id).collect();
        prop_assert_eq!(ids.len(), planned.len());
    }
}

fn only(fleet: &Fleet, now: Timestamp) -> Option<Correction> {
    let mut plan = plan(fleet, now);
    assert!(plan.len() <= 1);
    plan.pop()
}

fn shifted(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp(at.0.checked_add_signed(ms).unwrap())
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
    assert_eq!(
        only(&fleet, due).unwrap().subject.to_string(),
        "roost.cmd.default.h1.sb0"
    );
}

#[test]
fn a_start_that_nobody_took_is_told_again() {
    let history = History::in_phase(Phase::Placed);
    let placed = history.folded.updated_at;
    let fleet = fleet_of(&[history]);
    let id = |now| only(&fleet, now).map(|correction| correction.command_id);
    let round = i64::try_from(START_PATIENCE.as_millis()).unwrap();
    assert_eq!(id(shifted(placed, round - 1)), None);
    assert_eq!(id(shifted(placed, round)), id(shifted(placed, 2 * round - 1)));
    assert_ne!(id(shifted(placed, round)), id(shifted(placed, 2 * round)));
}

#[test]
fn an_expiry_that_was_overtaken_by_a_longer_time_kills_nothing() {
    let mut history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at.unwrap();
    let correction = only(&fleet_of(&[history.clone()]), due).unwrap();
    history
        .tell(Command::SetTimeout(SetTimeout {
            timeout_sec: 3_600,
            extend: false,
        }))
        .unwrap();
    let answer = history.ask(&command(&correction, due));
    assert_eq!(answer, Ok(Decision::Nothing(history.folded.sequence)));
    // The longer time has an id of its own, so that its expiry is not taken for the one before.
    let later = history.folded.state.expires_at.unwrap();
    let again = only(&fleet_of(&[history]), later).unwrap();
    assert_ne!(again.command_id, correction.command_id);
}

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
fn a_sandbox_that_is_to_be_paused_at_its_time_is_told_to() {
    let mut history = sleeper();
    let due = history.folded.state.expires_at.unwrap();
    let fleet = fleet_of(&[history.clone()]);
    assert_eq!(only(&fleet, shifted(due, -1)), None);
    let correction = only(&fleet, due).unwrap();
    let reason = PauseReason::TimedOut;
    assert_eq!(correction.command, SandboxCommand::Pause(Pause { reason }));
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
    let round = i64::try_from(PAUSE_PATIENCE.as_millis()).unwrap();
    assert_eq!(id(shifted(due, round - 1)), None);
    let again = shifted(due, round);
    assert_eq!(id(again), id(shifted(due, 2 * round - 1)));
    assert_ne!(id(again), id(shifted(due, 2 * round)));
    let second = only(&fleet, again).unwrap();
    assert_ne!(second.command_id, first.command_id);
    history.ask(&command(&second, again)).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Pausing);
}

#[test]
fn what_has_ended_or_is_on_its_way_is_left_alone() {
    for phase in [
        Phase::Starting,
        Phase::Pausing,
        Phase::Paused,
        Phase::Resuming,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Lost,
        Phase::Failed,
    ] {
        let fleet = fleet_of(&[History::in_phase(phase)]);
        assert_eq!(plan(&fleet, Timestamp(u64::MAX)), [], "{phase:?}");
    }
}
