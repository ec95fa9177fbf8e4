//! Each of Roost's own roles does its whole work with its own credentials.

use std::time::Duration;

use futures::StreamExt;
use roost_authority::Role;
use roost_journal::port::{Journal, JournalError, Leases, OutputLog, Version};
use roost_schemas::lease::Lease;
use roost_schemas::output::Frame;
use roost_schemas::subject::{EventFilter, EventSubject, OutputSubject};
use roost_schemas::{CommandId, HostId, ProcessId, SandboxId, Sequence, TenantId};

use crate::course::{Course, commit};
use crate::world::World;

#[tokio::test]
async fn a_gateways_command_goes_by_the_router_to_the_host_which_answers() {
    let world = World::new().await;
    Course::begin(&world).await.run("c1").await;
}

#[tokio::test]
async fn hosts_router_and_webhooks_commit_and_all_but_nobody_else_read() {
    let world = World::new().await;
    let tenant = TenantId::first();
    let on = |kind: &str, id: &str| -> EventSubject { format!("roost.evt.{kind}.{id}").parse().unwrap() };
    let committing = [
        (Role::Host, Some("h1"), on("default.sandbox", "sb1")),
        (Role::Host, Some("h1"), on("system.template", "base")),
        (Role::Host, Some("h1"), on("system.host", "h1")),
        (Role::Reconciler, None, on("system.host", "h2")),
        (Role::Reconciler, None, EventSubject::tenant(tenant.clone())),
        (Role::Webhooks, None, on("default.webhook", "wh1")),
    ];
    let mut last = Sequence(0);
    for (number, (role, name, subject)) in committing.iter().enumerate() {
        let journal = world.connect(*role, *name).await.journal();
        let id = CommandId::new(format!("c{number}")).unwrap();
        let appended = journal.append(subject, Sequence(0), &id, commit(&id)).await;
        appended.unwrap_or_else(|error| panic!("{role:?} on {subject}: {error}"));
        last = Sequence(number as u64 + 1);
    }
    for (role, name) in [
        (Role::Gateway, None),
        (Role::Reconciler, None),
        (Role::Webhooks, None),
        (Role::Host, Some("h2")),
        (Role::Operator, None),
    ] {
        let journal = world.connect(role, name).await.journal();
        assert_eq!(journal.head().await.unwrap(), last, "{role:?}");
        let read = journal.read(&committing[0].2, Sequence(0)).await.unwrap();
        assert_eq!(read.records.len(), 1, "{role:?}");
        let records = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
        assert_eq!(records.take(committing.len()).count().await, committing.len());
    }
}

#[tokio::test]
async fn output_and_leases_are_written_and_read() {
    let world = World::new().await;
    let host = world.connect(Role::Host, Some("h1")).await;
    let gateway = world.connect(Role::Gateway, None).await;
    let subject = OutputSubject {
        tenant: TenantId::first(),
        sandbox: SandboxId::new("sb1").unwrap(),
        process: ProcessId::new("p1").unwrap(),
    };
    let frame = Frame::decode(&golden("frame.data")).unwrap();
    host.output().publish(&subject, 0, &frame).await.unwrap();
    let mut frames = gateway.output().follow(&subject).await.unwrap();
    assert_eq!(frames.next().await.unwrap().unwrap(), frame);
    assert_eq!(host.output().stored(&subject).await.unwrap(), [frame]);

    let h1 = HostId::new("h1").unwrap();
    let lease = Lease::decode(&golden("lease.held")).unwrap();
    host.leases()
        .write(&h1, &lease, Version::default())
        .await
        .unwrap();
    assert!(host.leases().read(&h1).await.unwrap().is_some());
    let reconciler = world.connect(Role::Reconciler, None).await.leases();
    let found = reconciler.all().await.unwrap();
    reconciler.write(&h1, &lease, found[&h1].version).await.unwrap();
}

#[tokio::test]
async fn who_may_not_make_the_streams_waits_for_one_who_may() {
    let world = World::bare();
    let host = async { roost_journal::jetstream::connect(world.options(Role::Host, Some("h1"))).await };
    let reconciler = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.connect(Role::Reconciler, None).await
    };
    let (host, _) = tokio::join!(host, reconciler);
    host.unwrap();

    let world = World::bare();
    let mut alone = world.options(Role::Gateway, None);
    alone.patience = Duration::from_secs(1);
    let refused = roost_journal::jetstream::connect(alone).await.unwrap_err();
    assert!(
        matches!(&refused, JournalError::Unavailable { detail, .. } if detail.contains("start a reconciler")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_stranger_is_told_so_at_once() {
    let world = World::bare();
    let began = std::time::Instant::now();
    let refused = roost_journal::jetstream::connect(world.server.options())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("--nats-nkey"), "{refused}");
    let other = World::bare();
    let mut unknown = other.options(Role::Gateway, None);
    unknown.url = world.server.url();
    let refused = roost_journal::jetstream::connect(unknown).await.unwrap_err();
    assert!(
        refused.to_string().contains("does not know the user U"),
        "{refused}"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// Bytes that are checked in as what this release writes.
fn golden(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/golden/v1");
    let path = format!("{folder}/{name}.msgpack");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
