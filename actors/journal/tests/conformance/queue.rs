//! The command queue on both adapters.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use roost_journal::port::{Deliveries, Delivery, MAX_WAITING, Message, QueueError};
use roost_schemas::command::{ContentType, MAX_BODY};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{HostId, SandboxId, Sequence, TenantId, Timestamp};

use crate::on_both;
use crate::world::{Bounds, PATIENCE, World, id};

on_both!(
    commands_arrive_whole_and_in_order,
    a_route_gets_its_own_commands,
    takers_of_one_route_share_its_commands,
    a_command_sent_twice_is_delivered_once,
    tenants_may_name_their_commands_alike,
    a_request_gets_its_answer,
    a_request_asked_again_is_answered_again,
    a_request_nobody_answers_ends_in_time,
    a_forwarded_command_is_no_duplicate,
    a_command_put_off_comes_again,
    a_host_that_begins_anew_is_given_at_once_what_it_has_not_settled,
    an_oversized_command_is_refused,
    a_flood_for_one_sandbox_is_refused_and_harms_no_other,
);

pub(crate) fn to(route: Route, sandbox: &str) -> CommandSubject {
    let sandbox = SandboxId::new(sandbox).unwrap();
    CommandSubject {
        tenant: TenantId::new("default").unwrap(),
        route,
        sandbox,
    }
}

fn host(name: &str) -> Route {
    Route::Host(HostId::new(name).unwrap())
}

fn message(command: &str) -> Message {
    Message {
        command_id: id(command),
        principal: "test".to_owned(),
        deadline: Some(Timestamp(u64::MAX)),
        reply: None,
        trace: None,
        content: ContentType::MessagePack,
        body: Bytes::from(command.to_owned()),
    }
}

pub(crate) async fn next(deliveries: &mut Deliveries) -> Delivery {
    let next = tokio::time::timeout(PATIENCE, async {
        loop {
            match deliveries.next().await.expect("deliveries do not end") {
                Ok(delivery) => return delivery,
                Err(error) => tracing::info!(%error, "while waiting for a delivery"),
            }
        }
    });
    next.await.expect("a delivery in time")
}

pub(crate) async fn nothing(deliveries: &mut Deliveries) {
    let more = tokio::time::timeout(Duration::from_millis(300), deliveries.next()).await;
    assert!(more.is_err(), "{more:?}");
}

async fn commands_arrive_whole_and_in_order(world: World) {
    let subject = to(Route::Any, "a");
    let sent = message("c1");
    world.queue.publish(&subject, &sent).await.unwrap();
    for number in 2..=20 {
        world
            .queue
            .publish(&subject, &message(&format!("c{number}")))
            .await
            .unwrap();
    }
    let mut deliveries = world.queue.consume(&Route::Any).await.unwrap();
    let first = next(&mut deliveries).await;
    assert_eq!(first.subject, subject);
    assert_eq!(format!("{:?}", first.message), format!("{sent:?}"));
    assert!(first.queued_at.0 > 1_600_000_000_000);
    first.settle.done().await.unwrap();
    for number in 2..=20 {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.message.command_id, id(&format!("c{number}")));
        delivery.settle.done().await.unwrap();
    }
    nothing(&mut deliveries).await;
}

async fn a_route_gets_its_own_commands(world: World) {
    for (route, command) in [(Route::Any, "any"), (host("h1"), "one"), (host("h2"), "two")] {
        world
            .queue
            .publish(&to(route, "a"), &message(command))
            .await
            .unwrap();
    }
    for (route, command) in [(host("h2"), "two"), (Route::Any, "any"), (host("h1"), "one")] {
        let mut deliveries = world.queue.consume(&route).await.unwrap();
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.message.command_id, id(command));
        delivery.settle.done().await.unwrap();
        nothing(&mut deliveries).await;
    }
}

async fn takers_of_one_route_share_its_commands(world: World) {
    let mut one = world.queue.consume(&Route::Any).await.unwrap();
    let mut two = world.queue.consume(&Route::Any).await.unwrap();
    for number in 0..4 {
        world
            .queue
            .publish(&to(Route::Any, "a"), &message(&format!("c{number}")))
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        let delivery = tokio::select! {
            delivery = next(&mut one) => delivery,
            delivery = next(&mut two) => delivery,
        };
        seen.push(delivery.message.command_id.to_string());
        delivery.settle.done().await.unwrap();
    }
    seen.sort();
    assert_eq!(seen, ["c0", "c1", "c2", "c3"]);
    nothing(&mut one).await;
    nothing(&mut two).await;
}

async fn a_command_sent_twice_is_delivered_once(world: World) {
    let mut deliveries = world.queue.consume(&Route::Any).await.unwrap();
    world
        .queue
        .publish(&to(Route::Any, "a"), &message("c1"))
        .await
        .unwrap();
    world
        .queue
        .publish(&to(Route::Any, "a"), &message("c1"))
        .await
        .unwrap();
    next(&mut deliveries).await.settle.done().await.unwrap();
    nothing(&mut deliveries).await;
}

async fn tenants_may_name_their_commands_alike(world: World) {
    let mut deliveries = world.queue.consume(&Route::Any).await.unwrap();
    for tenant in ["acme", "default"] {
        let subject = CommandSubject {
            tenant: TenantId::new(tenant).unwrap(),
            ..to(Route::Any, "a")
        };
        world.queue.publish(&subject, &message("c1")).await.unwrap();
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.subject, subject);
        assert_eq!(delivery.message.command_id, id("c1"));
        delivery.settle.done().await.unwrap();
    }
}

fn accepted(sequence: u64) -> Reply {
    Reply::Accepted(Accepted {
        sequence: Sequence(sequence),
        state: "running".to_owned(),
    })
}

/// Answers every command of a route with a sequence that counts them.
fn answering(world: &World, route: &Route) -> tokio::task::JoinHandle<()> {
    let (queue, route) = (world.queue.clone(), route.clone());
    tokio::spawn(async move {
        let mut deliveries = queue.consume(&route).await.unwrap();
        for count in 1.. {
            let delivery = next(&mut deliveries).await;
            queue.answer(&delivery.message, &accepted(count)).await.unwrap();
            delivery.settle.done().await.unwrap();
        }
    })
}

async fn a_request_gets_its_answer(world: World) {
    let host = answering(&world, &Route::Any);
    for (content, sequence) in [(ContentType::MessagePack, 1), (ContentType::Json, 2)] {
        let asked = Message {
            content,
            ..message(&format!("c{sequence}"))
        };
        let reply = world
            .queue
            .request(&to(Route::Any, "a"), asked, PATIENCE)
            .await
            .unwrap();
        assert_eq!(reply, accepted(sequence));
    }
    host.abort();
}

/// The queue must not swallow it as a duplicate: whoever asks again still needs to know, and its aggregate does.
async fn a_request_asked_again_is_answered_again(world: World) {
    let host = answering(&world, &host("h1"));
    for sequence in [1, 2] {
        let subject = to(self::host("h1"), "a");
        let reply = world
            .queue
            .request(&subject, message("c1"), PATIENCE)
            .await
            .unwrap();
        assert_eq!(reply, accepted(sequence));
    }
    host.abort();
}

async fn a_request_nobody_answers_ends_in_time(world: World) {
    let patience = Duration::from_millis(200);
    let answer = world
        .queue
        .request(&to(Route::Any, "a"), message("c1"), patience)
        .await;
    assert!(
        matches!(&answer, Err(QueueError::NoAnswer { command_id, .. }) if *command_id == id("c1")),
        "{answer:?}"
    );
    // It stays queued.
    let mut deliveries = world.queue.consume(&Route::Any).await.unwrap();
    assert_eq!(next(&mut deliveries).await.message.command_id, id("c1"));
}

async fn a_forwarded_command_is_no_duplicate(world: World) {
    let mut router = world.queue.consume(&Route::Any).await.unwrap();
    let mut owner = world.queue.consume(&host("h1")).await.unwrap();
    world
        .queue
        .publish(&to(Route::Any, "a"), &message("c1"))
        .await
        .unwrap();
    let taken = next(&mut router).await;
    // The router may do it twice, when it is stopped before it has settled.
    for _ in 0..2 {
        world
            .queue
            .publish(&to(host("h1"), "a"), &taken.message)
            .await
            .unwrap();
    }
    taken.settle.done().await.unwrap();
    let delivery = next(&mut owner).await;
    assert_eq!(delivery.message.command_id, id("c1"));
    delivery.settle.done().await.unwrap();
    nothing(&mut owner).await;
}

async fn a_host_that_begins_anew_is_given_at_once_what_it_has_not_settled(world: World) {
    let subject = to(host("h1"), "a");
    let mut before = world.queue.consume(&host("h1")).await.unwrap();
    for command in ["c1", "c2", "c3"] {
        world.queue.publish(&subject, &message(command)).await.unwrap();
    }
    // Its life ends with one settled and one begun.
    next(&mut before).await.settle.done().await.unwrap();
    let unsettled = next(&mut before).await;
    drop(before);
    let began = Instant::now();
    let mut after = world.queue.consume(&host("h1")).await.unwrap();
    for command in ["c2", "c3"] {
        let delivery = next(&mut after).await;
        assert_eq!(delivery.message.command_id, id(command));
        delivery.settle.done().await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(unsettled);
    nothing(&mut after).await;
}

async fn a_command_put_off_comes_again(world: World) {
    let mut deliveries = world.queue.consume(&Route::Any).await.unwrap();
    world
        .queue
        .publish(&to(Route::Any, "a"), &message("c1"))
        .await
        .unwrap();
    let first = next(&mut deliveries).await;
    let queued_at = first.queued_at;
    first.settle.later(Duration::from_millis(50)).await.unwrap();
    let again = next(&mut deliveries).await;
    assert_eq!(again.message.command_id, id("c1"));
    assert_eq!(again.queued_at, queued_at, "a command's time does not change");
    again.settle.done().await.unwrap();
}

async fn an_oversized_command_is_refused(world: World) {
    let huge = Message {
        body: vec![0; MAX_BODY + 1].into(),
        ..message("c1")
    };
    let refused = world.queue.publish(&to(Route::Any, "a"), &huge).await;
    assert!(matches!(&refused, Err(QueueError::Refused { .. })), "{refused:?}");
}

async fn a_flood_for_one_sandbox_is_refused_and_harms_no_other(world: World) {
    let flooded = to(host("h1"), "a");
    let flood: Vec<_> = (0..MAX_WAITING).map(|n| message(&format!("c{n}"))).collect();
    let sent = flood.iter().map(|message| world.queue.publish(&flooded, message));
    let sent: Vec<_> = futures::stream::iter(sent).buffer_unordered(64).collect().await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let one_more = message("more");
    let refused = world.queue.publish(&flooded, &one_more).await;
    assert!(matches!(&refused, Err(QueueError::Full { .. })), "{refused:?}");
    // Sent again, a command that waits already is not one more.
    world.queue.publish(&flooded, &flood[0]).await.unwrap();
    for other in [to(host("h1"), "b"), to(Route::Any, "a")] {
        world.queue.publish(&other, &one_more).await.unwrap();
    }
    let mut deliveries = world.queue.consume(&host("h1")).await.unwrap();
    next(&mut deliveries).await.settle.done().await.unwrap();
    world.queue.publish(&flooded, &one_more).await.unwrap();
}

/// What its taker dropped, or died over, comes again when the lease is over; a sign of life prolongs it.
async fn an_unsettled_command_comes_again(world: World) {
    let mut deliveries = world.queue.consume(&Route::Any).await.unwrap();
    world
        .queue
        .publish(&to(Route::Any, "a"), &message("c1"))
        .await
        .unwrap();
    let held = next(&mut deliveries).await;
    let began = tokio::time::Instant::now();
    while began.elapsed() < SHORT_LEASE * 2 {
        held.settle.progress().await.unwrap();
        tokio::time::sleep(SHORT_LEASE / 8).await;
    }
    nothing_yet(&mut deliveries).await;
    drop(held);
    let again = next(&mut deliveries).await;
    assert_eq!(again.message.command_id, id("c1"));
    again.settle.done().await.unwrap();
}

const SHORT_LEASE: Duration = Duration::from_secs(1);

async fn nothing_yet(deliveries: &mut Deliveries) {
    let more = tokio::time::timeout(Duration::ZERO, deliveries.next()).await;
    assert!(more.is_err(), "{more:?}");
}

fn impatient() -> Bounds {
    Bounds {
        lease: SHORT_LEASE,
        ..Bounds::default()
    }
}

#[tokio::test]
async fn an_unsettled_command_in_memory() {
    an_unsettled_command_comes_again(World::memory_with(impatient())).await;
}

#[tokio::test]
async fn an_unsettled_command_in_jetstream() {
    an_unsettled_command_comes_again(World::jetstream_with(impatient()).await).await;
}
