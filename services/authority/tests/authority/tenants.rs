//! A tenant's own programs send its commands, read its events, and nothing else.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use futures::StreamExt;
use roost_authority::{Folder, Member, Role};
use roost_journal::port::{Message, Queue};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::Route;
use roost_schemas::{Sequence, TenantId};

use crate::world::World;

const KILL: &str = r#"{"type":"kill"}"#;

#[tokio::test]
async fn a_command_comes_to_the_router_as_a_clients_and_is_answered() {
    let world = World::new().await;
    let acme = world.client(Role::Tenant, Some("acme")).await;
    let router = world.connect(Role::Reconciler, None).await;
    let mut commands = router.queue().consume(&Route::Client).await.unwrap();
    let mut answers = World::hears(&acme, "roost.reply.acme.a").await;
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", "application/json");
    headers.insert("Roost-Reply", "roost.reply.acme.a");
    let stored = jetstream::new(acme.clone())
        .publish_with_headers("roost.cmd.acme.any.sb1", headers, KILL.into())
        .await
        .unwrap();
    assert_eq!(stored.await.unwrap().stream, "COMMANDS");
    let delivery = commands.next().await.unwrap().unwrap();
    assert_eq!(delivery.subject.tenant, TenantId::new("acme").unwrap());
    assert_eq!(delivery.subject.route, Route::Client);
    assert_eq!(&delivery.message.body[..], KILL.as_bytes());
    let reply = Reply::Accepted(Accepted {
        sequence: Sequence(1),
        state: "stopping".to_owned(),
    });
    router.queue().answer(&delivery.message, &reply).await.unwrap();
    let host = world.connect(Role::Host, Some("h1")).await;
    host.queue().answer(&delivery.message, &reply).await.unwrap();
    for _ in 0..2 {
        let answer = answers.next().await.unwrap();
        assert_eq!(serde_json::from_slice::<Reply>(&answer.payload).unwrap(), reply);
    }
}

#[tokio::test]
async fn an_answer_goes_to_the_tenant_that_asked_and_nowhere_else() {
    let world = World::new().await;
    let acme = world.client(Role::Tenant, Some("acme")).await;
    let router = world.connect(Role::Reconciler, None).await;
    let mut commands = router.queue().consume(&Route::Client).await.unwrap();
    let operator = world.client(Role::Operator, None).await;
    let mut all = World::hears(&operator, "roost.reply.>").await;
    for reply in [
        "roost.reply.sys.a",
        "roost.reply",
        "roost.reply.acme.*",
        "roost.cmd.system.any.tenants",
        "_INBOX.guessed",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/json");
        headers.insert("Roost-Reply", reply);
        acme.publish_with_headers("roost.cmd.acme.any.sb1", headers, KILL.into())
            .await
            .unwrap();
    }
    acme.publish("roost.cmd.acme.any.sb2", "".into()).await.unwrap();
    // The last is the first that is delivered: those before it were malformed, and nobody was told.
    let Message { reply, .. } = commands.next().await.unwrap().unwrap().message;
    assert_eq!(reply, None);
    assert!(World::silent(&mut all).await);
}

#[tokio::test]
async fn events_are_seen_live_once_they_are_stored_and_only_ones_own() {
    let world = World::new().await;
    let acme = world.client(Role::Tenant, Some("acme")).await;
    let other = world.client(Role::Tenant, Some("sys")).await;
    let host = world.client(Role::Host, Some("h1")).await;
    let mut own = World::hears(&acme, "roost.evt.acme.>").await;
    let mut others = World::hears(&other, "roost.evt.sys.>").await;
    let subject = "roost.evt.acme.sandbox.sb1";
    let mut refused = HeaderMap::new();
    refused.insert("Nats-Expected-Last-Subject-Sequence", "7");
    host.request_with_headers(subject, refused, "refused".into())
        .await
        .unwrap();
    host.request(subject, "stored".into()).await.unwrap();
    let event = own.next().await.unwrap();
    assert_eq!(event.subject.as_str(), subject);
    assert_eq!(&event.payload[..], b"stored");
    let sequence = event
        .headers
        .unwrap()
        .get("Nats-Sequence")
        .map(ToString::to_string);
    assert_eq!(sequence.as_deref(), Some("1"));
    assert!(World::silent(&mut others).await);
}

#[tokio::test]
async fn a_page_of_events_is_asked_of_a_gateway() {
    let world = World::new().await;
    let gateway = world.client(Role::Gateway, None).await;
    let mut asked = gateway
        .queue_subscribe("roost.read.*", "gateways".to_owned())
        .await
        .unwrap();
    gateway.flush().await.unwrap();
    let acme = world.client(Role::Tenant, Some("acme")).await;
    let answering = async {
        let question = asked.next().await.unwrap();
        assert_eq!(question.subject.as_str(), "roost.read.acme");
        let reply = question.reply.unwrap();
        // As long as a page is waited for.
        tokio::time::sleep(Duration::from_millis(300)).await;
        gateway.publish(reply, question.payload).await.unwrap();
        gateway.flush().await.unwrap();
    };
    let page = acme.request("roost.read.acme", "after 7".into());
    let (page, ()) = tokio::join!(page, answering);
    assert_eq!(&page.unwrap().payload[..], b"after 7");
}

#[tokio::test]
async fn nothing_else_is_published_or_heard() {
    let world = World::new().await;
    let acme = world.client(Role::Tenant, Some("acme")).await;
    let denied = [
        "roost.cmd.sys.any.sb1",
        "roost.cmd.system.any.tenants",
        "roost.cmd.acme.client.sb1",
        "roost.cmd.acme.h1.sb1",
        "roost.read.sys",
        "roost.evt.acme.sandbox.sb1",
        "roost.live.acme.sandbox.sb1",
        "roost.reply.sys.a",
        "roost.lease.h1",
        "roost.out.acme.sb1.p1",
        "$JS.API.STREAM.INFO.EVENTS",
        "$JS.API.CONSUMER.CREATE.EVENTS.mine.roost.evt.acme.>",
        "$JS.API.INFO",
        "$SYS.REQ.SERVER.PING",
        "_INBOX.guessed",
    ];
    world.denied(&acme, &denied).await;
    for subject in [
        "roost.>",
        ">",
        "roost.evt.>",
        "roost.evt.sys.>",
        "roost.reply.sys.>",
        "roost.cmd.>",
    ] {
        let _ = acme.subscribe(subject).await.unwrap();
        acme.flush().await.unwrap();
        world.logged("Subscription Violation", subject).await;
    }
}

#[tokio::test]
async fn a_tenant_is_let_in_and_put_out_while_the_server_runs() {
    let world = World::new().await;
    let gateway = world.client(Role::Gateway, None).await;
    let mut commands = world
        .connect(Role::Reconciler, None)
        .await
        .queue()
        .consume(&Route::Client)
        .await
        .unwrap();
    let late = Member::new(Role::Tenant, Some("late")).unwrap();
    let change = |add: bool| {
        let mut folder = Folder::open(world.folder.path()).unwrap();
        if add {
            folder.credentials(&late).unwrap();
        } else {
            folder.remove(&late).unwrap();
        }
        world
            .server
            .reload(&std::fs::read_to_string(folder.conf()).unwrap());
    };
    change(true);
    let seed = std::fs::read_to_string(world.file(Role::Tenant, Some("late"))).unwrap();
    let connect = || async {
        let options = async_nats::ConnectOptions::with_nkey(seed.trim().to_owned());
        options.connect(world.server.url()).await
    };
    let mut tries = 0;
    let client = loop {
        match connect().await {
            Ok(client) => break client,
            Err(error) if tries > 100 => panic!("{error}"),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // A new account's way into others is open only when the server has read its configuration a second time.
    change(true);
    let context = jetstream::new(client.clone());
    let mut tries = 0;
    while let Err(error) = publish(&context).await {
        assert!(tries < 100, "{error}");
        tries += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let delivery = tokio::time::timeout(Duration::from_secs(20), commands.next()).await;
    let delivery = delivery.unwrap_or_else(|_| panic!("no delivery:\n{}", world.server.log()));
    assert_eq!(delivery.unwrap().unwrap().subject.tenant.as_str(), "late");
    change(false);
    for _ in 0..100 {
        if connect().await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(connect().await.is_err());
    // Those who were there before have noticed nothing.
    assert_eq!(
        gateway
            .statistics()
            .connects
            .load(std::sync::atomic::Ordering::Relaxed),
        1
    );
}

async fn publish(context: &jetstream::Context) -> Result<(), jetstream::context::PublishError> {
    context
        .publish("roost.cmd.late.any.sb1", KILL.into())
        .await?
        .await
        .map(drop)
}
