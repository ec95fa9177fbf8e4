//! What starts from a snapshot, or runs again from one, stands where its files are and has the size it was taken with.

use roost_domain::placement::{branch, has_room, place};
use roost_domain::sandbox::Phase;
use roost_schemas::command::Fork;
use roost_schemas::event::{StopReason, TemplateEvent, TemplateFromSnapshot};
use roost_schemas::reply::Code;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::{Resources, SandboxSpec};
use roost_schemas::subject::AggregateId;
use roost_schemas::{TenantId, Timestamp};

use super::{HostSize, World};
use crate::support::events::commit;
use crate::support::pauses::{SECOND, pause, resume, resumed, sealed, take, taken};
use crate::support::{
    FIRST, History, RESOURCES, ended, host_id, kill, sandbox_id, snapshot, snapshot_id, spec, template_name,
    tenant,
};

const ROOMY: HostSize = HostSize {
    capacity: Resources {
        vcpus: 8,
        memory_mb: 4_096,
    },
    max_sandboxes: 10,
    drained: false,
};

fn templates(world: &mut World, tenant: TenantId, name: &str, events: Vec<TemplateEvent>) {
    let id = AggregateId::Template(template_name(name));
    world.apply(tenant, id, &commit("c", Timestamp(1), events).encode());
}

fn saved(snapshot: Snapshot) -> TemplateEvent {
    TemplateEvent::Saved(TemplateFromSnapshot {
        sandbox: sandbox_id("sb9"),
        snapshot,
        base: template_name("base"),
        resources: RESOURCES,
    })
}

/// Two hosts, of which the first has less room and every snapshot.
fn world() -> World {
    let mut world = World::with_template("base");
    let small = Resources {
        memory_mb: 1_024,
        ..ROOMY.capacity
    };
    world.host(
        "h1",
        HostSize {
            capacity: small,
            ..ROOMY
        },
    );
    world.host("h2", ROOMY);
    world
}

fn of(template: &str) -> SandboxSpec {
    SandboxSpec {
        template: template_name(template),
        ..spec()
    }
}

fn fork_of(id: &str) -> Fork {
    Fork {
        sandbox: sandbox_id("sb1"),
        snapshot: snapshot_id(id),
    }
}

/// A sandbox with two snapshots, the second of which it is paused as.
fn paused() -> History {
    let mut history = History::in_phase(Phase::Running);
    for command in [take("s1", None), taken("s1"), pause("s2"), sealed(FIRST, "s2")] {
        history.tell(command).unwrap();
    }
    history
}

#[test]
fn a_template_that_is_a_snapshot_is_started_where_it_is_and_as_large_as_it_is() {
    let mut world = world();
    assert_eq!(
        place(&world.fleet, &tenant(), &spec()).unwrap().host,
        host_id("h2"),
        "an image, where there is room"
    );
    templates(&mut world, tenant(), "warm", vec![saved(snapshot("s1"))]);
    let same = SandboxSpec {
        vcpus: Some(RESOURCES.vcpus),
        memory_mb: Some(RESOURCES.memory_mb),
        ..of("warm")
    };
    for spec in [of("warm"), same] {
        let placement = place(&world.fleet, &tenant(), &spec).unwrap();
        assert_eq!(placement.host, host_id("h1"));
        assert_eq!(placement.resources, RESOURCES);
        assert_eq!(placement.from, Some(snapshot("s1")));
    }
    let larger = SandboxSpec {
        memory_mb: Some(512),
        ..of("warm")
    };
    let refusal = place(&world.fleet, &tenant(), &larger).unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidRequest);
    assert_eq!(
        refusal.to_string(),
        "memory_mb is 512: warm is a snapshot with 128, which cannot be changed; leave it out"
    );
}

#[test]
fn a_template_is_its_tenants_own_until_it_is_deleted_and_does_not_hide_everybodys() {
    let mut world = world();
    templates(&mut world, tenant(), "warm", vec![saved(snapshot("s1"))]);
    templates(&mut world, tenant(), "base", vec![saved(snapshot("s2"))]);
    let stranger = TenantId::new("stranger").unwrap();
    let refusal = place(&world.fleet, &stranger, &of("warm")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "there is no template \"warm\"; known are base"
    );
    assert_eq!(place(&world.fleet, &tenant(), &spec()).unwrap().from, None);
    templates(&mut world, tenant(), "warm", vec![TemplateEvent::Deleted]);
    let refusal = place(&world.fleet, &tenant(), &of("warm")).unwrap_err();
    assert_eq!(refusal.code(), Code::NotFound);
}

#[test]
fn a_fork_stands_where_its_snapshot_does_and_is_as_its_source() {
    let world = world();
    let source = paused().folded.state;
    for id in ["s1", "s2"] {
        let placement = branch(&world.fleet, &spec(), &fork_of(id), &source).unwrap();
        assert_eq!(placement.host, host_id("h1"));
        assert_eq!(placement.resources, RESOURCES);
        assert_eq!(placement.from, Some(snapshot(id)));
    }
    let larger = SandboxSpec {
        vcpus: Some(2),
        ..spec()
    };
    for (spec, word) in [(larger, "vcpus is 2"), (of("warm"), "template is \"warm\"")] {
        let refusal = branch(&world.fleet, &spec, &fork_of("s1"), &source).unwrap_err();
        assert_eq!(refusal.code(), Code::InvalidRequest);
        assert!(refusal.to_string().starts_with(word), "{refusal}");
    }
}

#[test]
fn there_is_no_fork_of_what_is_not_kept() {
    let world = world();
    let mut history = paused();
    let refusal = branch(&world.fleet, &spec(), &fork_of("s9"), &history.folded.state).unwrap_err();
    assert_eq!(refusal.code(), Code::NotFound);
    assert_eq!(
        refusal.to_string(),
        "there is no snapshot \"s9\"; sandbox sb1 has ended, or has newer ones"
    );
    history.tell(kill(StopReason::Requested)).unwrap();
    history.tell(ended()).unwrap();
    let refusal = branch(&world.fleet, &spec(), &fork_of("s1"), &history.folded.state).unwrap_err();
    assert_eq!(refusal.code(), Code::NotFound);
}

#[test]
fn a_host_that_is_full_or_drained_takes_neither_forks_nor_resumes() {
    for size in [
        HostSize {
            max_sandboxes: 0,
            ..ROOMY
        },
        HostSize {
            drained: true,
            ..ROOMY
        },
    ] {
        let mut world = World::with_template("base");
        world.host("h1", size);
        world.host("h2", ROOMY);
        let source = paused().folded.state;
        let refusal = branch(&world.fleet, &spec(), &fork_of("s1"), &source).unwrap_err();
        assert_eq!(refusal.code(), Code::NoCapacity);
        assert_eq!(
            has_room(&world.fleet, &source).unwrap_err().code(),
            Code::NoCapacity
        );
    }
}

#[test]
fn what_is_paused_leaves_its_room_to_others_and_needs_it_again() {
    let mut world = World::with_template("base");
    let exactly = HostSize {
        capacity: RESOURCES,
        ..ROOMY
    };
    world.host("h1", exactly);
    let small = SandboxSpec {
        vcpus: Some(RESOURCES.vcpus),
        memory_mb: Some(RESOURCES.memory_mb),
        ..spec()
    };
    let mut sleeper = History::in_phase(Phase::Paused);
    let follow = |world: &mut World, history: &History, from: usize| {
        for (_, commit) in &history.commits[from..] {
            world.apply(
                tenant(),
                AggregateId::Sandbox(sandbox_id("sb1")),
                &commit.encode(),
            );
        }
    };
    follow(&mut world, &sleeper, 0);
    assert_eq!(has_room(&world.fleet, &sleeper.folded.state), Ok(()));
    let placement = place(&world.fleet, &tenant(), &small).unwrap();
    let with_another = {
        let mut world = world.clone();
        world.create(&small, placement);
        world
    };
    let refusal = has_room(&with_another.fleet, &sleeper.folded.state).unwrap_err();
    assert_eq!(refusal.code(), Code::NoCapacity);
    let before = sleeper.commits.len();
    sleeper.tell(resume()).unwrap();
    follow(&mut world, &sleeper, before);
    for then in [None, Some(resumed(SECOND, "s1"))] {
        let before = sleeper.commits.len();
        if let Some(command) = then {
            sleeper.tell(command).unwrap();
            follow(&mut world, &sleeper, before);
        }
        let refusal = place(&world.fleet, &tenant(), &small).unwrap_err();
        assert_eq!(refusal.code(), Code::NoCapacity);
    }
}
