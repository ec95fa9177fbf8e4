//! What is connected goes on: when the server was away, and when credentials change.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use roost_authority::{Folder, Member, Role};
use roost_journal::jetstream::Connection;
use roost_journal::port::{FeedId, Feeds, Journal, JournalError};
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, SandboxId, Sequence, TenantId, WebhookId};
use tokio::time::{sleep, timeout};

use crate::course::{Course, commit};
use crate::world::World;

/// More than a breath, for a busy machine, and less than any wait of a client that is denied something.
const SOON: Duration = Duration::from_secs(8);

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
    timeout(SOON, soon).await.unwrap();
    nobody_was_denied(&world);
}

/// The server ends the connections of credentials that were renewed when it reads its configuration anew.
#[tokio::test]
async fn renewed_credentials_are_taken_up_by_who_is_connected() {
    let world = World::new().await;
    let mut course = Course::begin(&world).await;
    let journal = course.gateway.journal();
    let mut followed = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    let old = std::fs::read_to_string(world.file(Role::Host, Some("h1"))).unwrap();
    for round in 1..=2 {
        let mut folder = Folder::open(world.folder.path()).unwrap();
        for (role, name) in [
            (Role::Gateway, None),
            (Role::Reconciler, None),
            (Role::Host, Some("h1")),
        ] {
            folder.renew(&Member::new(role, name).unwrap()).unwrap();
        }
        // The server has not been told, and a connection that breaks now is made by the old ones.
        course.run(&format!("before-{round}")).await;
        course.host.client().force_reconnect().await.unwrap();
        connected(&course.host, 2 * round).await;
        course.run(&format!("between-{round}")).await;

        world
            .server
            .reload(&std::fs::read_to_string(folder.conf()).unwrap());
        connected(&course.host, 2 * round + 1).await;
        timeout(SOON, course.run(&format!("after-{round}")))
            .await
            .unwrap();
        let subject = EventSubject::sandbox(TenantId::first(), SandboxId::new("sb1").unwrap());
        let id = CommandId::new(format!("commit-{round}")).unwrap();
        let host = course.host.journal();
        host.append(&subject, Sequence(round - 1), &id, commit(&id))
            .await
            .unwrap();
        let told = timeout(SOON, followed.next()).await.unwrap().unwrap();
        assert_eq!(told.unwrap().command_id, id);
    }
    nobody_was_denied(&world);
    let options = async_nats::ConnectOptions::with_nkey(old.trim().to_owned());
    assert!(options.connect(world.server.url()).await.is_err());
}

#[tokio::test]
async fn who_is_revoked_is_put_out_and_others_notice_nothing() {
    let world = World::new().await;
    let gateway = world.connect(Role::Gateway, None).await;
    let host = world.connect(Role::Host, Some("h1")).await;
    let mut folder = Folder::open(world.folder.path()).unwrap();
    folder
        .remove(&Member::new(Role::Host, Some("h1")).unwrap())
        .unwrap();
    world
        .server
        .reload(&std::fs::read_to_string(folder.conf()).unwrap());
    let subject = EventSubject::sandbox(TenantId::first(), SandboxId::new("sb1").unwrap());
    let refused = async {
        let mut last = Sequence(0);
        for number in 0.. {
            let id = CommandId::new(format!("c{number}")).unwrap();
            let journal = host.journal();
            match journal.append(&subject, last, &id, commit(&id)).await {
                Ok(roost_journal::port::Append::Stored(sequence)) => last = sequence,
                Ok(conflict) => panic!("{conflict:?}"),
                Err(error) => return error,
            }
        }
        unreachable!("there is always another");
    };
    let refused = timeout(Duration::from_secs(30), refused).await.unwrap();
    assert!(matches!(refused, JournalError::Unavailable { .. }), "{refused}");
    gateway.journal().head().await.unwrap();
    assert_eq!(connects(&gateway), 1);
}

fn connects(connection: &Connection) -> u64 {
    connection.client().statistics().connects.load(Ordering::Relaxed)
}

/// Waits until `connection` has been made so often.
async fn connected(connection: &Connection, times: u64) {
    let there = async {
        while connects(connection) < times {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, there)
        .await
        .unwrap_or_else(|_| panic!("connected {} times, not {times}", connects(connection)));
}

fn nobody_was_denied(world: &World) {
    let log = world.server.log();
    let denied: Vec<_> = log.lines().filter(|line| line.contains("Violation")).collect();
    assert!(denied.is_empty(), "{denied:#?}");
}
