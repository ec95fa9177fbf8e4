//! What a webhook is told, what becomes of what it could not be told, and its end.

use roost_schemas::CommandId;
use roost_schemas::command::WebhookChange;
use roost_schemas::event::SandboxEvent;
use roost_webhooks::Failure;

use crate::log::{all, feed};
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn only_the_types_and_labels_that_were_asked_for_are_told() {
    let world = World::new().await;
    let mut spec = all();
    spec.types = vec!["stopped".to_owned()];
    spec.metadata.insert("owner".to_owned(), "ci".to_owned());
    world.change("wh1", WebhookChange::Create(spec)).await;
    world.change("wh2", WebhookChange::Create(all())).await;
    world.requested("s1", &[("owner", "ci"), ("other", "x")]).await;
    world.requested("s2", &[("owner", "somebody")]).await;
    let told = world.happens("s1", vec![SandboxEvent::Stopped]).await;
    world.happens("s2", vec![SandboxEvent::Stopped]).await;
    world
        .until("both are told what is theirs", |world| {
            world.target.took().len() == 5
        })
        .await;
    let took = world.target.took();
    let of_first: Vec<_> = took.iter().filter(|(_, body)| body["webhook"] == "wh1").collect();
    let [(id, body)] = of_first[..] else {
        panic!("{of_first:?}")
    };
    assert_eq!(*id, format!("wh1-{told}"));
    assert_eq!(body["metadata"]["owner"], "ci");
    assert_eq!(body["events"][0]["type"], "stopped");
}

#[tokio::test(start_paused = true)]
async fn what_was_put_aside_is_told_when_asked_for_and_else_put_aside_anew() {
    let mut world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world
        .target
        .answers(|_| Err(Failure::Unreachable("away".to_owned())));
    let sequence = world.requested("s1", &[]).await;
    world
        .until("it is put aside", |world| world.aside("wh1").len() == 1)
        .await;
    let before = world.aside("wh1")[&sequence].given_up.attempts;

    world.change("wh1", WebhookChange::Redeliver(sequence)).await;
    world
        .until("it is put aside anew", |world| {
            let aside = &world.aside("wh1")[&sequence];
            !aside.asked && aside.given_up.attempts > before
        })
        .await;
    assert!(world.target.took().is_empty());

    world.target.answers(|_| Ok(()));
    world.change("wh1", WebhookChange::Redeliver(sequence)).await;
    world.restart();
    world
        .until("it is told after all", |world| world.aside("wh1").is_empty())
        .await;
    assert_eq!(world.target.took()[0].0, format!("wh1-{sequence}"));
    assert_eq!(world.target.took().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_put_aside_and_said_to_be_so() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world.requested("s1", &[]).await;
    let bad = world
        .append("s1", &CommandId::random(), b"nonsense".to_vec())
        .await;
    let good = world.happens("s1", vec![SandboxEvent::Stopped]).await;
    world
        .until("what follows is told", |world| world.target.took().len() == 2)
        .await;
    assert_eq!(world.target.took()[1].0, format!("wh1-{good}"));
    let reason = &world.aside("wh1")[&bad].given_up.reason;
    assert!(reason.contains("sandbox commit"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_may_be_of_interest_is_not_skipped_because_its_labels_cannot_be_read() {
    let world = World::new().await;
    let mut spec = all();
    spec.metadata.insert("owner".to_owned(), "ci".to_owned());
    world.change("wh1", WebhookChange::Create(spec)).await;
    let bad = world
        .append("s1", &CommandId::random(), b"nonsense".to_vec())
        .await;
    world.requested("s2", &[("owner", "somebody")]).await;
    world
        .until("it is put aside", |world| world.aside("wh1").contains_key(&bad))
        .await;
    assert_eq!(world.aside("wh1").len(), 1);
    assert!(world.target.took().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_not_as_long_as_a_target_likes() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world
        .target
        .answers(|_| Err(Failure::Unreachable("ä".repeat(100_000))));
    world.requested("s1", &[]).await;
    world
        .until("it is put aside", |world| world.aside("wh1").len() == 1)
        .await;
    let reasons = world.aside("wh1");
    assert!(reasons.values().all(|aside| aside.given_up.reason.len() <= 300));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_webhook_is_told_nothing_and_forgotten() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world.requested("s1", &[]).await;
    world
        .until("it is told", |world| world.target.took().len() == 1)
        .await;
    assert_eq!(world.feeds.all().await.unwrap(), [feed("wh1")]);
    world.change("wh1", WebhookChange::Delete).await;
    let feeds = world.feeds.clone();
    while !feeds.all().await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    world.happens("s1", vec![SandboxEvent::Stopped]).await;
    tokio::time::sleep(std::time::Duration::from_mins(10)).await;
    assert_eq!(world.target.took().len(), 1);
}
