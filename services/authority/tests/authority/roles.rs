//! Each of Roost's own roles does its whole work with its own credentials.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use roost_authority::Role;
use roost_journal::jetstream::Connection;
use roost_journal::port::{
    Deliveries, Delivery, FeedId, Feeds, Journal, JournalError, Leases, Message, OutputLog, Queue, Version,
};
use roost_schemas::command::{ContentType, Pause, SandboxCommand};
use roost_schemas::lease::Lease;
use roost_schemas::output::Frame;
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::{CommandSubject, EventFilter, EventSubject, OutputSubject, Route};
use roost_schemas::{CommandId, HostId, ProcessId, SandboxId, Sequence, TenantId, WebhookId};

use crate::world::World;

fn pause(id: &str) -> Message {
    Message {
        command_id: CommandId::new(id).unwrap(),
        principal: "key:1".to_owned(),
        deadline: None,
        trace: None,
        reply: None,
        content: ContentType::MessagePack,
        body: SandboxCommand::Pause(Pause::default()).encode().into(),
    }
}

fn subject(route: Route) -> CommandSubject {
    CommandSubject {
        tenant: TenantId::first(),
        route,
        sandbox: SandboxId::new("sb1").unwrap(),
    }
}

#[tokio::test]
async fn a_gateways_command_goes_by_the_router_to_the_host_which_answers() {
    let world = World::new().await;
    Course::begin(&world).await.run("c1").await;
}

/// A client asks more of a server that was away than of one that it has just met.
#[tokio::test]
async fn after_the_servers_death_everybody_goes_on_at_once_and_is_denied_nothing() {
    let mut world = World::new().await;
    let mut course = Course::begin(&world).await;
    course.run("c1").await;
    let webhooks = world.connect(Role::Webhooks, None).await;
    let feed = FeedId {
        tenant: TenantId::first(),
        webhook: WebhookId::new("wh1").unwrap(),
    };
    let all = EventFilter::Sandboxes(TenantId::first());
    let mut handed = webhooks.feeds().take(&feed, &all, Sequence(0)).await.unwrap();
    let gateway = course.gateway.journal();
    let mut followed = gateway.follow(&EventFilter::All, Sequence(0)).await.unwrap();

    world.server.kill();
    world.server.restart();
    let id = CommandId::new("after").unwrap();
    let committed = course.host.journal();
    let subject = EventSubject::sandbox(TenantId::first(), SandboxId::new("sb1").unwrap());
    committed
        .append(&subject, Sequence(0), &id, commit(&id))
        .await
        .unwrap();
    let soon = async {
        course.run("c2").await;
        assert_eq!(followed.next().await.unwrap().unwrap().sequence, Sequence(1));
        assert_eq!(handed.next().await.unwrap().sequence, Sequence(1));
    };
    tokio::time::timeout(Duration::from_secs(8), soon).await.unwrap();
    let denied: Vec<_> = world
        .server
        .log()
        .lines()
        .filter(|line| line.contains("Violation"))
        .map(str::to_owned)
        .collect();
    assert!(denied.is_empty(), "{denied:#?}");
}

/// Commands from a gateway to a host, and answers back.
struct Course {
    gateway: Connection,
    router: Connection,
    host: Connection,
    h1: Route,
    commands: Deliveries,
    taken: Deliveries,
}

impl Course {
    async fn begin(world: &World) -> Self {
        let h1 = Route::Host(HostId::new("h1").unwrap());
        let router = world.connect(Role::Reconciler, None).await;
        let host = world.connect(Role::Host, Some("h1")).await;
        Self {
            gateway: world.connect(Role::Gateway, None).await,
            commands: router.queue().consume(&Route::Any).await.unwrap(),
            taken: host.queue().consume(&h1).await.unwrap(),
            router,
            host,
            h1,
        }
    }

    async fn run(&mut self, id: &str) {
        let queue = self.gateway.queue();
        let patience = Duration::from_secs(10);
        let any = subject(Route::Any);
        let asking = queue.request(&any, pause(id), patience);
        let working = async {
            let delivery = next(&mut self.commands).await;
            let forwarded = subject(self.h1.clone());
            let queue = self.router.queue();
            queue.publish(&forwarded, &delivery.message).await.unwrap();
            delivery.settle.done().await.unwrap();
            let delivery = next(&mut self.taken).await;
            delivery.settle.progress().await.unwrap();
            let reply = Reply::Accepted(Accepted {
                sequence: Sequence(1),
                state: "stopping".to_owned(),
            });
            let queue = self.host.queue();
            queue.answer(&delivery.message, &reply).await.unwrap();
            delivery.settle.done().await.unwrap();
            reply
        };
        let (answered, reply) = tokio::join!(asking, working);
        assert_eq!(answered.unwrap(), reply);
    }
}

/// The next delivery: a queue that stutters, as one does when the server was away, goes on by itself.
async fn next(deliveries: &mut Deliveries) -> Delivery {
    loop {
        if let Ok(delivery) = deliveries.next().await.unwrap() {
            return delivery;
        }
    }
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

fn commit(id: &CommandId) -> Bytes {
    use roost_schemas::commit::{Commit, SCHEMA_VERSION};
    use roost_schemas::event::SandboxEvent;
    let commit = Commit {
        command_id: id.clone(),
        schema_version: SCHEMA_VERSION,
        at: roost_schemas::Timestamp(1),
        principal: "test".to_owned(),
        events: vec![SandboxEvent::Stopped],
    };
    commit.encode().into()
}
