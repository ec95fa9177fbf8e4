//! Hosts that are silent, and what was on them.

use std::collections::BTreeMap;

use roost_domain::reconcile::{Observed, plan};
use roost_domain::sandbox::{Command, Phase};
use roost_schemas::Timestamp;
use roost_schemas::command::{HostDown, Resume, SandboxCommand};
use roost_schemas::event::HostDown as Silent;
use roost_schemas::spec::OnHostDown;

use super::{command, fleet_of, observed, only, tell_host};
use crate::support::pauses::{SECOND, pause, resume, resumed, sealed};
use crate::support::{FIRST, History, create, host_id, life_id, start, started};

/// One that was paused once, runs again, and would rather go back than be lost.
fn survivor() -> History {
    let mut create = create();
    create.spec.on_host_down = OnHostDown::Resume;
    let mut history = History::default();
    for command in [
        Command::Create(create),
        start(),
        started(),
        pause("s1"),
        sealed(FIRST, "s1"),
        resume(),
        resumed(SECOND, "s1"),
    ] {
        history.tell(command).unwrap();
    }
    history
}

#[test]
fn whoever_is_silent_loses_its_lease_and_nothing_else_yet() {
    let mut fleet = fleet_of(&[History::in_phase(Phase::Running)]);
    tell_host(&mut fleet, &host_id("h1"), false);
    let silent = BTreeMap::from([(host_id("h1"), life_id("life1"))]);
    let seen = Observed {
        silent: silent.clone(),
        ..Observed::default()
    };
    let plan = plan(&fleet, &seen);
    assert_eq!(plan.revoke, silent);
    assert!(plan.down.is_empty());
    assert_eq!(plan.corrections, [], "it may renew just in time");
}

#[test]
fn whose_lease_is_revoked_is_down_for_the_log_unless_it_says_so_or_does_not_know_it() {
    let silent = |host| {
        let (life, lease) = (life_id("life1"), 0);
        (host_id(host), Silent { life, lease })
    };
    let revoked = ["h1", "h2", "h3"].map(silent);
    let seen = Observed {
        revoked: revoked.into(),
        ..Observed::default()
    };
    let mut fleet = fleet_of(&[]);
    tell_host(&mut fleet, &host_id("h1"), false);
    tell_host(&mut fleet, &host_id("h2"), true);
    let down = plan(&fleet, &seen).down;
    assert_eq!(down, BTreeMap::from([silent("h1")]));
}

#[test]
fn what_is_on_a_host_that_is_down_is_given_up_by_the_router() {
    for phase in [
        Phase::Placed,
        Phase::Starting,
        Phase::Running,
        Phase::Pausing,
        Phase::Resuming,
    ] {
        let mut fleet = fleet_of(&[History::in_phase(phase)]);
        tell_host(&mut fleet, &host_id("h1"), true);
        // Its time does not matter any more.
        let correction = only(&fleet, Timestamp(u64::MAX)).unwrap();
        assert_eq!(correction.subject.to_string(), "roost.cmd.default.any.sb0");
        let generation = fleet.live().next().unwrap().2.state.generation();
        let given_up = SandboxCommand::HostDown(HostDown { generation });
        assert_eq!(correction.command, given_up, "{phase:?}");
    }
    for phase in [Phase::Paused, Phase::Stopping] {
        let mut fleet = fleet_of(&[History::in_phase(phase)]);
        tell_host(&mut fleet, &host_id("h1"), true);
        assert_eq!(only(&fleet, Timestamp(u64::MAX)), None, "{phase:?}");
    }
}

#[test]
fn what_is_elsewhere_is_left_alone() {
    let mut fleet = fleet_of(&[History::in_phase(Phase::Running)]);
    tell_host(&mut fleet, &host_id("h2"), true);
    assert_eq!(only(&fleet, Timestamp(0)), None);
}

#[test]
fn one_that_went_back_is_resumed_once_its_host_is_there() {
    let mut history = survivor();
    let mut fleet = fleet_of(&[history.clone()]);
    tell_host(&mut fleet, &host_id("h1"), true);
    let given_up = only(&fleet, history.now).unwrap();
    history.ask(&command(&given_up, history.now)).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Paused);

    let mut fleet = fleet_of(&[history.clone()]);
    tell_host(&mut fleet, &host_id("h1"), true);
    assert_eq!(
        only(&fleet, history.now),
        None,
        "nobody has what it was sealed as"
    );
    tell_host(&mut fleet, &host_id("h1"), false);
    let revived = only(&fleet, history.now).unwrap();
    assert_eq!(revived.subject.to_string(), "roost.cmd.default.any.sb0");
    assert_eq!(revived.command, SandboxCommand::Resume(Resume::default()));
    history.ask(&command(&revived, history.now)).unwrap();
    assert_eq!(history.folded.state.phase, Phase::Resuming);

    // Its host may fall silent again, and again: each loss and each resume has an id of its own.
    let generation = history.folded.state.generation();
    history.tell(resumed(generation, "s1")).unwrap();
    let mut fleet = fleet_of(&[history.clone()]);
    assert_eq!(only(&fleet, history.now), None, "it runs");
    tell_host(&mut fleet, &host_id("h1"), true);
    let again = only(&fleet, history.now).unwrap();
    assert_ne!(again.command_id, given_up.command_id);
    history.ask(&command(&again, history.now)).unwrap();
    let mut fleet = fleet_of(&[history]);
    tell_host(&mut fleet, &host_id("h1"), false);
    let later = plan(&fleet, &observed(&fleet, Timestamp(0))).corrections;
    assert_ne!(later[0].command_id, revived.command_id);
}
