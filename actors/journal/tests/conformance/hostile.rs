//! What anybody with a NATS client may write where only Roost should: it is refused, or passed over, and harms nothing else.

use async_nats::jetstream::Context;
use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use roost_journal::jetstream::{self, Connection};
use roost_journal::port::{LeaseError, Leases, Message, OutputError, OutputLog, Queue, Version, Written};
use roost_journal::testing::NatsServer;
use roost_schemas::command::{ContentType, header};
use roost_schemas::lease::Lease;
use roost_schemas::output::{Channel, Frame};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::{OutputSubject, Route};
use roost_schemas::{HostId, LifeId, ProcessId, SandboxId, Sequence, TenantId};

use crate::queue::{next, to};
use crate::world::{PATIENCE, id};

async fn set_up() -> (NatsServer, Connection, Client, Context) {
    let server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client.clone());
    (server, log, client, context)
}

async fn write(context: &Context, subject: &str, bytes: &'static [u8]) {
    let sent = context.publish(subject.to_owned(), bytes.into()).await.unwrap();
    sent.await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_none_stops_nobody_else() {
    let (_server, log, _client, context) = set_up().await;
    let leases = log.leases();
    let (good, bad) = (HostId::new("h1").unwrap(), HostId::new("h2").unwrap());
    let lease = Lease::Held {
        life: LifeId::random(),
        ttl_ms: 20_000,
    };
    leases.write(&good, &lease, Version::default()).await.unwrap();
    for garbage in [&b""[..], b"\xc1", b"{\"type\":\"held\"}", &[0xff; 4096]] {
        write(&context, "roost.lease.h2", garbage).await;
    }
    write(&context, "roost.lease.Not-A-Host", b"x").await;

    let all = leases.all().await.unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), [&good]);
    let unreadable = leases.read(&bad).await;
    assert!(
        matches!(&unreadable, Err(LeaseError::Foreign { host, .. }) if host == "h2"),
        "{unreadable:?}"
    );
    // Whoever thinks that nobody has it is told otherwise, too.
    let taken = leases.write(&bad, &lease, Version::default()).await;
    assert!(!matches!(taken, Ok(Written::Stored(_))), "{taken:?}");
    let again = leases.write(&good, &lease, all[&good].version).await;
    assert!(matches!(again, Ok(Written::Stored(_))), "{again:?}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_passed_over() {
    let (_server, log, client, _context) = set_up().await;
    let (queue, subject) = (log.queue(), to(Route::Any, "a"));
    let asked = tokio::spawn(async move {
        let message = Message {
            command_id: id("c1"),
            principal: "test".to_owned(),
            deadline: None,
            reply: None,
            trace: None,
            content: ContentType::MessagePack,
            body: "body".into(),
        };
        queue.request(&subject, message, PATIENCE).await
    });
    let mut deliveries = log.queue().consume(&Route::Any).await.unwrap();
    let delivery = next(&mut deliveries).await;
    let inbox = delivery.message.reply.clone().unwrap();
    for (content, garbage) in [
        ("application/msgpack", &b"\xc1"[..]),
        ("application/json", b"{\"accepted\":{}}"),
        ("text/html", b"<html>"),
        ("", b""),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content);
        let sent = client.publish_with_headers(inbox.clone(), headers, garbage.into());
        sent.await.unwrap();
    }
    client.flush().await.unwrap();
    let reply = Reply::Accepted(Accepted {
        sequence: Sequence(7),
        state: "running".to_owned(),
    });
    log.queue().answer(&delivery.message, &reply).await.unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), reply);
    delivery.settle.done().await.unwrap();
}

#[tokio::test]
async fn output_that_is_none_ends_its_reader_with_a_reason_and_no_other() {
    let (_server, log, _client, context) = set_up().await;
    let output = log.output();
    let of = |process: &str| OutputSubject {
        tenant: TenantId::new("default").unwrap(),
        sandbox: SandboxId::new("a").unwrap(),
        process: ProcessId::new(process).unwrap(),
    };
    let frame = Frame::Data {
        channel: Channel::Stdout,
        offset: 0,
        data: "fine".into(),
    };
    for process in ["p1", "p2"] {
        output.publish(&of(process), 0, &frame).await.unwrap();
    }
    write(&context, &of("p1").to_string(), b"\xc1").await;
    // Of no process that could be.
    write(&context, "roost.out.default.a.Not-A-Process!", b"x").await;

    let mut spoilt = output.follow(&of("p1")).await.unwrap();
    assert_eq!(spoilt.next().await.unwrap().unwrap(), frame);
    let end = spoilt.next().await.unwrap();
    assert!(matches!(&end, Err(OutputError::Foreign { .. })), "{end:?}");
    assert!(spoilt.next().await.is_none());
    assert!(output.stored(&of("p1")).await.is_err());
    assert_eq!(output.stored(&of("p2")).await.unwrap(), [frame]);
}
