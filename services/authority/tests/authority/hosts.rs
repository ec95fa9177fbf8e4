//! A host is nobody but itself, whoever has its credentials.

use std::time::Duration;

use futures::StreamExt;
use roost_authority::Role;
use roost_journal::port::Queue;
use roost_schemas::subject::Route;

use crate::world::World;

#[tokio::test]
async fn a_host_does_not_publish_as_another_host_or_as_anybody_else() {
    let world = World::new().await;
    let stolen = world.client(Role::Host, Some("h1")).await;
    let denied = [
        // Another host's facts, lease, commands and death.
        "roost.evt.system.host.h2",
        "roost.lease.h2",
        "roost.cmd.default.h2.sb1",
        // Commands of any kind, also to itself: it decides only what it is asked.
        "roost.cmd.default.any.sb1",
        "roost.cmd.default.client.sb1",
        "roost.cmd.default.h1.sb1",
        "roost.cmd.system.any.tenants",
        // What is a tenant's or a webhook's.
        "roost.evt.acme.tenant.acme",
        "roost.evt.acme.webhook.wh1",
        "roost.live.acme.sandbox.sb1",
        "roost.read.acme",
        // The streams themselves.
        "$JS.API.STREAM.CREATE.OTHER",
        "$JS.API.STREAM.UPDATE.EVENTS",
        "$JS.API.STREAM.DELETE.EVENTS",
        "$JS.API.STREAM.PURGE.COMMANDS",
        "$JS.API.STREAM.SNAPSHOT.EVENTS",
        "$JS.API.CONSUMER.CREATE.COMMANDS.host-h2.roost.cmd.*.h2.*",
        "$JS.API.CONSUMER.CREATE.COMMANDS.host-h1.roost.cmd.*.h2.*",
        "$JS.API.CONSUMER.CREATE.COMMANDS.router.roost.cmd.*.any.*",
        "$JS.API.CONSUMER.MSG.NEXT.COMMANDS.host-h2",
        "$JS.API.CONSUMER.DELETE.COMMANDS.host-h2",
        "$JS.API.DIRECT.GET.COMMANDS",
        "$JS.ACK.COMMANDS.host-h2.1.1.1.1.0",
        "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.CONNZ",
    ];
    world.denied(&stolen, &denied).await;
    for subject in [
        ">",
        "_INBOX.>",
        "roost.>",
        "roost.cmd.>",
        "roost.lease.>",
        "$JS.>",
        "$SYS.>",
    ] {
        let _ = stolen.subscribe(subject).await.unwrap();
        stolen.flush().await.unwrap();
        world.logged("Subscription Violation", subject).await;
    }
}

/// The server checks neither where a stored message is sent to that somebody asks for, nor where an answer goes. So a host can
/// write where it may not publish; what comes there says by a header where it was stored, and that cannot be forged.
#[tokio::test]
async fn what_a_host_has_the_server_send_into_the_queue_is_no_operators_command() {
    let world = World::new().await;
    let router = world.connect(Role::Reconciler, None).await;
    let mut commands = router.queue().consume(&Route::Any).await.unwrap();
    let stolen = world.client(Role::Host, Some("h1")).await;
    let command = r#"{"type":"tenant","tenant":"h1","change":{"create":{}}}"#;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Content-Type", "application/json");
    headers.insert("Nats-Expected-Stream", "COMMANDS");
    let refused =
        stolen.request_with_headers("roost.evt.default.sandbox.sb1", headers.clone(), command.into());
    let refused = refused.await.unwrap();
    assert!(
        std::str::from_utf8(&refused.payload)
            .unwrap()
            .contains("expected stream"),
        "{refused:?}"
    );
    headers.insert("Nats-Expected-Stream", "EVENTS");
    stolen
        .request_with_headers("roost.evt.default.sandbox.sb1", headers, command.into())
        .await
        .unwrap();
    stolen
        .publish_with_reply(
            "$JS.API.DIRECT.GET.EVENTS",
            "roost.cmd.system.any.tenants",
            r#"{"seq":1}"#.into(),
        )
        .await
        .unwrap();
    stolen.flush().await.unwrap();
    let delivered = tokio::time::timeout(Duration::from_secs(1), commands.next()).await;
    assert!(delivered.is_err(), "{delivered:?}");
}
