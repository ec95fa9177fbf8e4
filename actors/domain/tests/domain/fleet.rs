//! The fleet is the same as the aggregates it is folded from, and loses nothing in a checkpoint.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use roost_domain::fleet::Fleet;
use roost_domain::host::Host;
use roost_domain::sandbox::{Phase, Sandbox};
use roost_domain::template::Template;
use roost_domain::tenant::Tenant;
use roost_domain::{Aggregate, Folded};
use roost_schemas::commit::Commit;
use roost_schemas::event::{HostEvent, SandboxEvent, TemplateEvent, TemplateFromSnapshot, TenantEvent};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{Sequence, TenantId, Timestamp};

use crate::support::commands::{Step, steps};
use crate::support::events::{commit, host_event, sandbox_event, template_event};
use crate::support::pauses::take;
use crate::support::{History, RESOURCES, host_id, sandbox_id, snapshot, template_name, tenant};

/// A commit of any aggregate.
#[derive(Debug, Clone)]
enum Entry {
    Sandbox(Vec<SandboxEvent>),
    Template(TemplateEvent),
    Host(HostEvent),
    Tenant(Vec<TenantEvent>),
}

/// Entries of a few aggregates; the number tells which.
fn entries() -> impl Strategy<Value = Vec<(usize, Entry)>> {
    let entry = prop_oneof![
        3 => vec(sandbox_event(), 1..4).prop_map(Entry::Sandbox),
        1 => template_event().prop_map(Entry::Template),
        1 => host_event().prop_map(Entry::Host),
    ];
    let any = (0..4usize, entry);
    // One hash stands for one holder: each tenant's keys are its own.
    let tenant = (0..4usize).prop_flat_map(|which| {
        let name = format!("n{}", which / 2);
        crate::tenant::events(name).prop_map(move |events| (which, Entry::Tenant(events)))
    });
    vec(prop_oneof![4 => any, 1 => tenant], 0..40)
}

fn subject(which: usize, entry: &Entry) -> EventSubject {
    let name = format!("n{}", which / 2);
    if let Entry::Tenant(_) = entry {
        return EventSubject::tenant(TenantId::new(name).unwrap());
    }
    let (tenant, aggregate) = match entry {
        // The same name under two tenants is two sandboxes.
        Entry::Sandbox(_) => (["a", "b"][which % 2], AggregateId::Sandbox(sandbox_id(&name))),
        Entry::Template(_) => ("system", AggregateId::Template(template_name(&name))),
        Entry::Host(_) => ("system", AggregateId::Host(host_id(&name))),
        Entry::Tenant(_) => unreachable!("it stands under itself"),
    };
    EventSubject {
        tenant: TenantId::new(tenant).unwrap(),
        aggregate,
    }
}

fn log(entries: &[(usize, Entry)]) -> Vec<(EventSubject, Sequence, Vec<u8>)> {
    let record = |(n, (which, entry)): (usize, &(usize, Entry))| {
        let at = Timestamp(n as u64 * 7 % 50);
        let payload = match entry {
            Entry::Sandbox(events) => commit("c", at, events.clone()).encode(),
            Entry::Template(event) => commit("c", at, vec![event.clone()]).encode(),
            Entry::Host(event) => commit("c", at, vec![event.clone()]).encode(),
            Entry::Tenant(events) => commit("c", at, events.clone()).encode(),
        };
        (subject(*which, entry), Sequence(n as u64 + 1), payload)
    };
    entries.iter().enumerate().map(record).collect()
}

fn fleet_of(log: &[(EventSubject, Sequence, Vec<u8>)]) -> Fleet {
    let mut fleet = Fleet::default();
    for (subject, sequence, payload) in log {
        fleet.apply(subject, *sequence, payload).unwrap();
    }
    fleet
}

/// What a shell folds from one subject.
fn folded<A: Aggregate>(log: &[(EventSubject, Sequence, Vec<u8>)], subject: &EventSubject) -> Folded<A> {
    let mut folded = Folded::default();
    for (_, sequence, payload) in log.iter().filter(|(other, ..)| other == subject) {
        folded.apply(*sequence, &Commit::decode(payload).unwrap());
    }
    folded
}

macro_rules! same {
    ($view:expr, $folded:expr) => {{
        let (view, folded) = ($view.expect("the fleet knows it"), $folded);
        prop_assert_eq!(&view.state, &folded.state);
        prop_assert_eq!(
            (view.created_at, view.updated_at, view.sequence),
            (folded.created_at, folded.updated_at, folded.sequence)
        );
    }};
}

proptest! {
    #[test]
    fn a_view_is_what_its_own_subject_folds_to(entries in entries()) {
        let log = log(&entries);
        let fleet = fleet_of(&log);
        for (subject, ..) in &log {
            match &subject.aggregate {
                AggregateId::Sandbox(id) => {
                    same!(fleet.sandbox(&subject.tenant, id), folded::<Sandbox>(&log, subject));
                }
                AggregateId::Template(name) => {
                    let folded = folded::<Template>(&log, subject);
                    let view = fleet.template(&subject.tenant, name);
                    prop_assert_eq!(view.is_some(), folded.state.is_there());
                    if view.is_some() {
                        same!(view, folded);
                    }
                }
                AggregateId::Host(id) => {
                    let view = fleet.hosts().find(|(other, _)| *other == id).map(|(_, view)| view);
                    same!(view, folded::<Host>(&log, subject));
                }
                AggregateId::Tenant(id) => {
                    let folded = folded::<Tenant>(&log, subject);
                    for (key, held) in &folded.state.keys {
                        let (tenant, found) = fleet.key(&held.key.hash).expect("found by its hash");
                        prop_assert_eq!((tenant, &found.key.id, found), (id, key, held));
                    }
                    same!(fleet.tenant(id), folded);
                }
                AggregateId::Webhook(_) => unreachable!("this log has none"),
            }
        }
        let live = fleet.sandboxes().filter(|(.., view)| !view.state.phase.is_end());
        prop_assert!(live.map(|(tenant, id, _)| (tenant, id)).eq(fleet.live().map(|(tenant, id, _)| (tenant, id))));
    }

    #[test]
    fn a_sandboxs_view_is_the_state_its_commands_led_to(steps in steps()) {
        let history = History::of(&steps);
        let subject = subject(0, &Entry::Sandbox(Vec::new()));
        let log: Vec<_> = history.commits.iter().map(|(at, commit)| (subject.clone(), *at, commit.encode())).collect();
        let fleet = fleet_of(&log);
        match fleet.sandboxes().next() {
            Some((_, _, view)) => prop_assert_eq!(&view.state, &history.folded.state),
            None => prop_assert!(history.commits.is_empty()),
        }
    }

    #[test]
    fn a_checkpoint_brings_back_the_same_fleet(entries in entries()) {
        let log = log(&entries);
        let fleet = fleet_of(&log);
        let mut restored = Fleet::default();
        for (subject, ..) in &log {
            restored.restore(subject, &fleet.save(subject).expect("it was applied")).unwrap();
        }
        prop_assert_eq!(restored, fleet);
    }

    #[test]
    fn what_is_in_already_changes_nothing(entries in entries()) {
        let log = log(&entries);
        let mut fleet = fleet_of(&log);
        let before = fleet.clone();
        for (subject, sequence, payload) in &log {
            fleet.apply(subject, *sequence, payload).unwrap();
            prop_assert_eq!(&fleet, &before);
        }
    }

    #[test]
    fn what_cannot_be_decoded_lets_its_own_subject_stand_still(
        entries in entries(), at in any::<prop::sample::Index>(), noise in vec(any::<u8>(), 0..64)
    ) {
        let log = log(&entries);
        prop_assume!(!log.is_empty());
        let (poisoned, from, payload) = at.get(&log);
        for bad in [&noise[..], &payload[..payload.len() - 1]] {
            let mut fleet = Fleet::default();
            for (subject, sequence, payload) in &log {
                let is_bad = (subject, sequence) == (poisoned, from);
                let applied = fleet.apply(subject, *sequence, if is_bad { bad } else { payload });
                prop_assert_eq!(applied.is_err(), is_bad, "the alarm is given once");
            }
            let expected: Vec<_> = log
                .iter()
                .filter(|(subject, sequence, _)| subject != poisoned || sequence < from)
                .cloned()
                .collect();
            let mut expected = fleet_of(&expected);
            prop_assert!(fleet != expected && fleet.digest() != expected.digest());
            let found = fleet.unreadable(poisoned).expect("it is told");
            prop_assert_eq!(found.sequence, *from);
            expected.hold(poisoned, *from, found.reason.clone());
            prop_assert_eq!(&fleet, &expected);
            prop_assert_eq!(fleet.digest(), expected.digest());
            prop_assert!(fleet.restore(poisoned, bad).is_err());
        }
    }

    #[test]
    fn equal_fleets_have_equal_digests_and_others_have_not(one in entries(), other in entries()) {
        let [one, again, other] = [&one, &one, &other].map(|entries| fleet_of(&log(entries)));
        prop_assert_eq!(one.digest(), again.digest());
        prop_assert_eq!(one == other, one.digest() == other.digest());
    }

    #[test]
    fn nothing_is_used_by_what_has_ended_or_is_paused(ways in vec(steps(), 1..5)) {
        let mut fleet = Fleet::default();
        let mut expected = BTreeMap::new();
        for (n, steps) in ways.iter().enumerate() {
            apply_way(&mut fleet, &mut expected, n, steps);
        }
        let live = expected.values().filter(|live| **live).count();
        let (used, count) = fleet.used(&host_id("h1"));
        prop_assert_eq!(count as usize, live);
        prop_assert_eq!((used.vcpus as usize, used.memory_mb as usize), (live, live * 128));
        prop_assert_eq!(fleet.used(&host_id("h2")).1, 0);
    }
}

/// What a host's store has to keep is what its live sandboxes and its templates refer to, and nobody else's.
#[test]
fn references_are_those_of_live_sandboxes_and_templates_on_that_host() {
    let mut fleet = Fleet::default();
    for (n, phase) in [Phase::Paused, Phase::Resuming, Phase::Stopped]
        .into_iter()
        .enumerate()
    {
        let mut history = History::in_phase(phase);
        if phase == Phase::Paused {
            history.tell(take("ignored", Some("warm"))).unwrap();
        }
        let subject = EventSubject::sandbox(tenant(), sandbox_id(&format!("sb{n}")));
        for (sequence, commit) in &history.commits {
            fleet.apply(&subject, *sequence, &commit.encode()).unwrap();
        }
    }
    let elsewhere = Snapshot {
        host: host_id("h2"),
        ..snapshot("t2")
    };
    for (n, (name, snapshot)) in [("warm", snapshot("t1")), ("hot", elsewhere)]
        .into_iter()
        .enumerate()
    {
        let saved = TemplateEvent::Saved(TemplateFromSnapshot {
            sandbox: sandbox_id("sb0"),
            snapshot,
            base: template_name("base"),
            resources: RESOURCES,
        });
        let subject = EventSubject {
            tenant: tenant(),
            aggregate: AggregateId::Template(template_name(name)),
        };
        let payload = commit("c", Timestamp(1), vec![saved]).encode();
        fleet.apply(&subject, Sequence(n as u64 + 100), &payload).unwrap();
    }
    let references = |host: &str| -> Vec<String> {
        let references = fleet.references(&host_id(host));
        references.into_iter().map(String::from).collect()
    };
    assert_eq!(references("h1"), ["s1", "t1"]);
    assert_eq!(references("h2"), ["t2"]);
    assert_eq!(references("h3"), [""; 0]);
}

fn apply_way(fleet: &mut Fleet, live: &mut BTreeMap<usize, bool>, n: usize, steps: &[Step]) {
    let history = History::of(steps);
    let subject = EventSubject::sandbox(tenant(), sandbox_id(&format!("sb{n}")));
    for (sequence, commit) in &history.commits {
        fleet.apply(&subject, *sequence, &commit.encode()).unwrap();
    }
    let phase = history.folded.state.phase;
    live.insert(
        n,
        !history.commits.is_empty() && phase != Phase::Paused && !phase.is_end(),
    );
}

#[test]
fn a_stranger_has_no_sandbox_and_no_checkpoint() {
    let fleet = Fleet::default();
    let subject = subject(0, &Entry::Sandbox(Vec::new()));
    assert!(fleet.sandbox(&subject.tenant, &sandbox_id("n0")).is_none());
    assert!(fleet.save(&subject).is_none());
}
