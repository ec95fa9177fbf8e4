//! The plan: what is due is commanded, once in a round, and what has ended is left alone.

mod due;
mod hosts;
mod starts;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use roost_domain::Aggregate;
use roost_domain::fleet::{Fleet, View};
use roost_domain::reconcile::{Correction, Observed, PAUSE_PATIENCE, Plan, START_PATIENCE, plan};
use roost_domain::sandbox::{Command, Phase, Sandbox};
use roost_schemas::command::{Envelope, SandboxCommand};
use roost_schemas::event::{EngineKind, HostDown, HostEvent, HostRegistered};
use roost_schemas::spec::OnTimeout;
use roost_schemas::subject::{AggregateId, EventSubject, Route};
use roost_schemas::{HostId, Sequence, SnapshotId, TenantId, Timestamp};

use crate::support::commands::steps;
use crate::support::events::commit;
use crate::support::{History, RESOURCES, host_id, life_id, sandbox_id, tenant};

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

/// Has `host` say that it is there, and if it is `down` the log say that it is not.
fn tell_host(fleet: &mut Fleet, host: &HostId, down: bool) {
    let registered = HostEvent::Registered(HostRegistered {
        capacity: RESOURCES,
        max_sandboxes: 10,
        engine: EngineKind::Qemu,
        engine_version: "10.0.8".into(),
        release: "0.1.0".into(),
        edge: None,
        lease: 0,
    });
    let silent = HostEvent::Down(HostDown {
        life: life_id("life1"),
        lease: 0,
    });
    let events = [registered].into_iter().chain(down.then_some(silent));
    let subject = EventSubject {
        tenant: TenantId::system(),
        aggregate: AggregateId::Host(host.clone()),
    };
    let last = fleet.hosts().map(|(_, view)| view.sequence.0).max();
    let payload = commit("host", Timestamp(1), events.collect()).encode();
    fleet
        .apply(&subject, Sequence(last.unwrap_or(1_000_000) + 1), &payload)
        .unwrap();
}

/// What a steady clock that agrees with the time of day shows at `now`.
fn observed(fleet: &Fleet, now: Timestamp) -> Observed {
    let overdue = fleet.live().filter_map(|(tenant, id, view)| {
        let due = view.state.expires_at.filter(|due| *due <= now)?;
        Some(((tenant.clone(), id.clone()), now.since(due)))
    });
    Observed {
        now,
        overdue: overdue.collect(),
        ..Observed::default()
    }
}

/// The only command that is planned.
fn only(fleet: &Fleet, now: Timestamp) -> Option<Correction> {
    let Plan {
        revoke,
        down,
        mut corrections,
    } = plan(fleet, &observed(fleet, now));
    assert_eq!((revoke, down), (BTreeMap::new(), BTreeMap::new()));
    assert!(corrections.len() <= 1);
    corrections.pop()
}

fn shifted(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp(at.0.checked_add_signed(ms).unwrap())
}

/// The correction as whoever decides it gets it.
fn command(correction: &Correction, at: Timestamp) -> Envelope<Command> {
    let command = match &correction.command {
        SandboxCommand::Start(start) => Command::Start(*start),
        SandboxCommand::Kill(kill) => Command::Kill(*kill),
        SandboxCommand::Pause(pause) => Command::Pause {
            snapshot: SnapshotId::from_command(&correction.subject.sandbox, &correction.command_id),
            pause: *pause,
        },
        SandboxCommand::Resume(resume) => Command::Resume(*resume),
        SandboxCommand::HostDown(down) => Command::HostDown {
            generation: down.generation,
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

fn is_due(view: &View<Sandbox>, now: Timestamp, is_down: bool) -> bool {
    let sandbox = &view.state;
    if is_down {
        return !sandbox.phase.is_end() && ![Phase::Paused, Phase::Stopping].contains(&sandbox.phase);
    }
    match sandbox.phase {
        Phase::Running => sandbox.expires_at.is_some_and(|due| {
            let pauses = sandbox.requested.as_ref().unwrap().spec.on_timeout == OnTimeout::Pause;
            let patient = pauses && sandbox.cause.is_some();
            due <= now && (!patient || now.since(due) >= PAUSE_PATIENCE)
        }),
        Phase::Placed => now.since(view.updated_at) >= START_PATIENCE,
        Phase::Paused => sandbox.reverted,
        _ => false,
    }
}

proptest! {
    #[test]
    fn exactly_what_is_due_is_commanded_and_each_command_is_of_use(
        ways in vec(steps(), 1..6), after_ms in 0..200_000u64, is_down: bool
    ) {
        let histories: Vec<_> = ways.iter().map(|steps| History::of(steps)).collect();
        let mut fleet = fleet_of(&histories);
        tell_host(&mut fleet, &host_id("h1"), is_down);
        let now = Timestamp(histories.iter().map(|history| history.now.0).max().unwrap() + after_ms);
        let plan = plan(&fleet, &observed(&fleet, now)).corrections;
        let planned: BTreeSet<_> = plan.iter().map(|correction| &correction.subject.sandbox).collect();
        prop_assert_eq!(planned.len(), plan.len(), "one command for one sandbox");
        for (_, id, view) in fleet.sandboxes() {
            prop_assert_eq!(planned.contains(id), is_due(view, now, is_down), "{:?}", view);
        }
        for correction in &plan {
            let view = fleet.sandbox(&correction.subject.tenant, &correction.subject.sandbox).unwrap();
            let route = match &correction.command {
                SandboxCommand::HostDown(_) | SandboxCommand::Resume(_) => Route::Any,
                _ => Route::Host(view.state.placed.as_ref().map(|placed| placed.host.clone()).unwrap()),
            };
            prop_assert_eq!(&correction.subject.route, &route);
            prop_assert!(!view.state.decide(&command(correction, now)).unwrap().is_empty());
        }
    }

    #[test]
    fn ids_are_one_per_sandbox_and_round(ways in vec(steps(), 1..6), at in 0..400_000u64, is_down: bool) {
        let histories: Vec<_> = ways.iter().map(|steps| History::of(steps)).collect();
        let mut fleet = fleet_of(&histories);
        tell_host(&mut fleet, &host_id("h1"), is_down);
        let observed = observed(&fleet, Timestamp(at));
        let planned = plan(&fleet, &observed);
        prop_assert_eq!(&plan(&fleet, &observed), &planned);
        let ids: BTreeSet<_> = planned.corrections.iter().map(|correction| &correction.command_id).collect();
        prop_assert_eq!(ids.len(), planned.corrections.len());
    }
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
        assert_eq!(only(&fleet, Timestamp(u64::MAX)), None, "{phase:?}");
    }
}
