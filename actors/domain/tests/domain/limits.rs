//! What a tenant has, held against what it may have.

use proptest::prelude::*;
use roost_domain::Rejection;
use roost_domain::fleet::Fleet;
use roost_domain::limits::{Promise, Promised, Usage};
use roost_domain::sandbox::Phase;
use roost_schemas::commit::Commit;
use roost_schemas::event::{Payload, TemplateEvent, TemplateRegistered, TenantEvent};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::tenant::Limits;
use roost_schemas::{Sequence, TenantId, Timestamp};

use crate::support::events::commit;
use crate::support::{History, RESOURCES, sandbox_id, spec, template_name, tenant};

fn apply<E: Payload>(fleet: &mut Fleet, subject: &EventSubject, events: Vec<E>) {
    let commit: Commit<E> = commit("c", Timestamp(1), events);
    fleet.apply(subject, Sequence(1), &commit.encode()).unwrap();
}

/// A template whose drives have 3 MiB and a bit, and one sandbox in each of these phases.
fn fleet(phases: &[Phase]) -> Fleet {
    let mut fleet = Fleet::default();
    let registered = TemplateRegistered {
        digest: "blake3:00".into(),
        bytes: 1,
        drive_bytes: Some((3 << 20) + 1),
        defaults: RESOURCES,
    };
    let template = EventSubject {
        tenant: TenantId::system(),
        aggregate: AggregateId::Template(spec().template),
    };
    apply(&mut fleet, &template, vec![TemplateEvent::Registered(registered)]);
    for (n, phase) in phases.iter().enumerate() {
        let subject = EventSubject::sandbox(tenant(), sandbox_id(&format!("sb{n}")));
        for (sequence, commit) in &History::in_phase(*phase).commits {
            fleet.apply(&subject, *sequence, &commit.encode()).unwrap();
        }
    }
    fleet
}

#[test]
fn what_has_ended_counts_for_nothing_and_what_is_paused_for_its_disk() {
    use Phase::{Failed, Lost, Paused, Placed, Running, Stopped};
    let fleet = fleet(&[Placed, Running, Paused, Stopped, Lost, Failed]);
    let usage = fleet.usage(&tenant());
    let expected = Usage {
        sandboxes: 3,
        vcpus: 2 * u64::from(RESOURCES.vcpus),
        memory_mb: 2 * u64::from(RESOURCES.memory_mb),
        disk_mb: 3 * 4,
    };
    assert_eq!(usage, expected);
    assert_eq!(fleet.usage(&TenantId::new("another").unwrap()), Usage::default());
}

#[test]
fn a_template_that_is_gone_counts_as_the_largest() {
    let mut fleet = fleet(&[]);
    let small = EventSubject {
        tenant: TenantId::system(),
        aggregate: AggregateId::Template(template_name("small")),
    };
    let registered = TemplateRegistered {
        digest: "blake3:01".into(),
        bytes: 2 << 20,
        drive_bytes: None,
        defaults: RESOURCES,
    };
    apply(&mut fleet, &small, vec![TemplateEvent::Registered(registered)]);
    assert_eq!(fleet.drive_mb(&tenant(), &template_name("small")), 2);
    assert_eq!(fleet.drive_mb(&tenant(), &template_name("gone")), 4);
    assert_eq!(Fleet::default().drive_mb(&tenant(), &template_name("gone")), 0);
}

#[test]
fn a_tenant_without_limits_has_none() {
    let fleet = fleet(&[Phase::Running]);
    assert_eq!(fleet.limits(&tenant()), None);
    let huge = Usage {
        sandboxes: u64::MAX,
        ..Usage::default()
    };
    assert_eq!(fleet.check_limits(&tenant(), Usage::default(), huge), Ok(()));
}

#[test]
fn a_limit_stands_before_what_would_add_to_it() {
    let mut fleet = fleet(&[Phase::Running, Phase::Paused]);
    let limits = Limits {
        sandboxes: Some(2),
        vcpus: Some(RESOURCES.vcpus),
        ..Limits::default()
    };
    apply(
        &mut fleet,
        &EventSubject::tenant(tenant()),
        vec![TenantEvent::Created(limits)],
    );
    let new = Usage::of_new(&fleet, &tenant(), &spec().template, RESOURCES);
    assert_eq!(
        fleet.check_limits(&tenant(), Usage::default(), new),
        Err(Rejection::LimitExceeded {
            what: "sandboxes",
            limit: 2,
            used: 2,
            added: 1
        })
    );
    let paused = fleet.sandbox(&tenant(), &sandbox_id("sb1")).unwrap();
    let refused = fleet.check_limits(&tenant(), Usage::default(), Usage::of_resumed(&paused.state));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("limit of vcpus is"), "{refused}");
    assert_eq!(
        fleet.check_limits(&tenant(), Usage::default(), Usage::default()),
        Ok(()),
        "what adds nothing"
    );
}

#[test]
fn what_was_promised_counts_until_it_shows_or_cannot_come() {
    let fleet = fleet(&[Phase::Paused, Phase::Paused]);
    let (one, two) = (sandbox_id("sb0"), sandbox_id("sb1"));
    let view = fleet.sandbox(&tenant(), &one).unwrap();
    let promise = Promise {
        seen: view.sequence,
        until: Timestamp(100),
        usage: Usage::of_resumed(&view.state),
    };
    let noted = |promise| {
        let mut promised = Promised::default();
        promised.note(tenant(), one.clone(), promise);
        promised
    };
    let mut promised = noted(promise);
    let other = TenantId::new("another").unwrap();
    assert_eq!(
        promised.besides(&fleet, &tenant(), &two, Timestamp(99)),
        promise.usage
    );
    for (tenant, sandbox, at) in [(&tenant(), &one, 99), (&other, &two, 99), (&tenant(), &two, 100)] {
        let usage = promised.besides(&fleet, tenant, sandbox, Timestamp(at));
        assert_eq!(usage, Usage::default(), "{tenant} {sandbox} {at}");
    }
    let shown = Promise {
        seen: Sequence(view.sequence.0 - 1),
        ..promise
    };
    let usage = noted(shown).besides(&fleet, &tenant(), &two, Timestamp(0));
    assert_eq!(usage, Usage::default(), "the fleet has it");
}

proptest! {
    #[test]
    fn what_is_allowed_stays_within_every_limit(
        used in any::<[u32; 4]>(), added in any::<[u32; 4]>(), limit in any::<[Option<u32>; 4]>()
    ) {
        let usage = |of: [u32; 4]| Usage {
            sandboxes: of[0].into(),
            vcpus: of[1].into(),
            memory_mb: of[2].into(),
            disk_mb: of[3].into(),
        };
        let limits = Limits {
            sandboxes: limit[0],
            vcpus: limit[1],
            memory_mb: limit[2],
            disk_mb: limit[3].map(u64::from),
            requests_per_sec: Some(0),
        };
        let within = (0..4).all(|n| {
            added[n] == 0 || limit[n].is_none_or(|limit| u64::from(used[n]) + u64::from(added[n]) <= u64::from(limit))
        });
        prop_assert_eq!(usage(used).allows(usage(added), &limits).is_ok(), within);
    }
}
