//! A log that no release of ours would write does not bring a reader down.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use roost_domain::fleet::Fleet;
use roost_domain::reconcile::{self, Observed};
use roost_domain::sandbox::{MAX_SNAPSHOTS, Sandbox};
use roost_domain::{Aggregate, placement};
use roost_schemas::command::{Envelope, Fork};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::{SandboxId, Sequence, Timestamp};

use crate::support::commands::command;
use crate::support::events::{commit, sandbox_event};
use crate::support::{command_id, host_id, sandbox_id, snapshot_id, spec, tenant};

proptest! {
    #[test]
    fn any_events_fold_and_any_command_is_answered_after_them(
        events in vec(sandbox_event(), 0..30), command in command(), at: u64
    ) {
        let mut sandbox = Sandbox::default();
        for event in &events {
            sandbox.evolve(event);
        }
        let at = Timestamp(at);
        let envelope = Envelope { command_id: command_id("c"), at, principal: "test".into(), command };
        prop_assert!(sandbox.snapshots.len() <= MAX_SNAPSHOTS);
        sandbox.references().count();
        let mut after = sandbox.clone();
        for event in sandbox.decide(&envelope).unwrap_or_default() {
            after.evolve(&event);
        }
        prop_assert!(!sandbox.phase.is_end() || after.phase == sandbox.phase);
    }

    #[test]
    fn any_events_are_read_back_as_they_were_written(events in vec(sandbox_event(), 1..5)) {
        let commit = commit("c", Timestamp(1), events);
        prop_assert_eq!(Commit::<SandboxEvent>::decode(&commit.encode()), Ok(commit));
    }

    #[test]
    fn a_fleet_of_any_sandboxes_is_planned_for_and_placed_in(
        sandboxes in vec(vec(sandbox_event(), 1..9), 1..9), now: u64
    ) {
        let mut fleet = Fleet::default();
        for (n, events) in sandboxes.into_iter().enumerate() {
            let subject = EventSubject::sandbox(tenant(), sandbox_id(&format!("sb{n}")));
            let payload = commit("c", Timestamp(1), events).encode();
            fleet.apply(&subject, Sequence(n as u64 + 1), &payload).unwrap();
        }
        let key = |id: &SandboxId| (tenant(), id.clone());
        let overdue = fleet.sandboxes().map(|(_, id, _)| (key(id), Duration::from_millis(now)));
        let observed = Observed { now: Timestamp(now), overdue: overdue.collect(), ..Observed::default() };
        reconcile::plan(&fleet, &observed);
        placement::place(&fleet, &tenant(), &spec()).unwrap_err();
        for (_, id, view) in fleet.live() {
            let fork = Fork { sandbox: id.clone(), snapshot: snapshot_id("s1") };
            placement::branch(&fleet, &spec(), &fork, &view.state).unwrap_err();
            placement::has_room(&fleet, &view.state).unwrap_or_default();
        }
        fleet.used(&host_id("h1"));
        fleet.references(&host_id("h1"));
    }
}
