//! Templates made from sandboxes.

use roost_domain::sandbox::Phase;
use roost_schemas::Sequence;
use roost_schemas::event::{Cause, SandboxEvent};
use roost_schemas::reply::Code;

use crate::world::{
    World, accepted, create_from, eventually, id, owner, rejected, take, template_name, tenant,
};

/// Whether `name` can be started from.
fn is_there(world: &World, name: &str) -> bool {
    world
        .fleet
        .read(|fleet| fleet.template(&tenant(), &template_name(name)).is_some())
}

#[tokio::test(start_paused = true)]
async fn what_runs_becomes_a_template_and_runs_on() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.saved(&sandbox, "mine").await;
    assert!(world.machine.moves(&owner(&sandbox)));
    let child = world.running_by("c1", &create_from("mine")).await;
    assert!(world.machine.moves(&child));
    // Its image is that of its source, whatever the template's name is.
    let snapshot = world.taken(&id("c1")).await;
    world.saved(&id("c1"), "mine-too").await;
    let saved = world.fleet.read(|fleet| {
        let view = fleet.template(&tenant(), &template_name("mine-too"));
        view.and_then(|view| view.state.saved.clone()).unwrap()
    });
    assert_eq!(saved.base, template_name("base"));
    assert_eq!(snapshot.sources, 2);
    assert_eq!(world.script.count("boot"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_paused_becomes_a_template_and_stays_paused() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let base = world.paused(&sandbox).await;
    world.saved(&sandbox, "mine").await;
    assert_eq!(world.now(&sandbox).phase, Phase::Paused);
    assert_eq!(world.script.count("dump"), 1, "it is what the pause has sealed");
    let child = world.running_by("c1", &create_from("mine")).await;
    assert!(world.machine.moves(&child));
    assert_eq!(world.now(&id("c1")).running.unwrap().restored_from, Some(base.id));
    // And again after it was deleted, in the same placement.
    accepted(world.delete_template("mine").await);
    assert!(!is_there(&world, "mine"));
    world.saved(&sandbox, "mine").await;
    assert!(is_there(&world, "mine"));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_refused_as_often_as_it_is_asked_for() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.saved(&sandbox, "mine").await;
    let other = world.running("s2").await;
    world.paused(&other).await;
    for name in ["mine", "base", "mine"] {
        world.saved(&other, name).await;
    }
    let failed: Vec<_> = world
        .events(&other)
        .await
        .into_iter()
        .filter_map(|event| match event {
            SandboxEvent::SnapshotFailed(failed) => Some(failed.cause),
            _ => None,
        })
        .collect();
    assert_eq!(failed.len(), 3);
    let exists =
        |cause: &Cause| matches!(cause, Cause::StepFailed { detail, .. } if detail.contains("exists"));
    assert!(failed.iter().all(exists), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_template_is_not_found_and_what_was_started_from_it_runs_on() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.saved(&sandbox, "mine").await;
    let child = world.running_by("c1", &create_from("mine")).await;
    accepted(world.delete_template("mine").await);
    let (code, _) = rejected(world.ask(&id("c2"), &create_from("mine")).await);
    assert_eq!(code, Code::NotFound);
    assert_eq!(rejected(world.delete_template("mine").await).0, Code::NotFound);
    assert_eq!(
        rejected(world.delete_template("base").await).0,
        Code::InvalidState
    );
    assert!(world.machine.moves(&child));
    world.paused(&id("c1")).await;
    world.resumed(&id("c1")).await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_delete_gets_the_same_answer() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    world.saved(&sandbox, "mine").await;
    let delete =
        roost_schemas::command::SandboxCommand::DeleteTemplate(roost_schemas::command::DeleteTemplate {
            name: template_name("mine"),
        });
    let templates = id("templates");
    let first = accepted(world.ask_as("d1", &templates, &delete).await);
    let again = accepted(world.ask_as("d1", &templates, &delete).await);
    assert_eq!(first.sequence, again.sequence);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_between_the_two_commits_tells_the_second_in_its_next_life() {
    use roost_journal::port::Journal;
    let mut world = World::new().await;
    let sandbox = world.running("s1").await;
    let snapshot = world.taken(&sandbox).await;
    accepted(world.ask(&sandbox, &take(Some("mine"))).await);
    eventually("the template is there", || is_there(&world, "mine")).await;
    world.kill_host().await;
    world.start_host().await;
    world
        .until(&sandbox, |view| view.state.asked.is_empty().then_some(()))
        .await;
    let subject = roost_schemas::subject::EventSubject {
        tenant: tenant(),
        aggregate: roost_schemas::subject::AggregateId::Template(template_name("mine")),
    };
    let page = world.memory.journal().read(&subject, Sequence(0)).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(world.now(&sandbox).snapshot(&snapshot.id).is_some());
}
