//! Each sandbox's commits come in their order, whatever fails and whoever dies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::StatusCode;
use roost_journal::port::MAX_HANDED;
use roost_schemas::command::WebhookChange;
use roost_schemas::event::SandboxEvent;
use roost_webhooks::Failure;
use tokio::time::Instant;

use crate::log::all;
use crate::world::World;

fn unreachable() -> Failure {
    Failure::Unreachable("on purpose".to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_fails_now_and_then_is_told_once_and_in_order() {
    let world = World::new().await;
    world.requested("before", &[]).await;
    world.change("wh1", WebhookChange::Create(all())).await;
    let mut tries = 0;
    world.target.answers(move |_| {
        tries += 1;
        if tries % 3 == 0 {
            Ok(())
        } else {
            Err(unreachable())
        }
    });
    let mut expected = std::collections::BTreeMap::new();
    for round in 0..20 {
        for of in ["s1", "s2", "s3"] {
            let sequence = if round == 0 {
                world.requested(of, &[]).await
            } else {
                world.happens(of, vec![SandboxEvent::Stopped]).await
            };
            expected
                .entry(of.to_owned())
                .or_insert_with(Vec::new)
                .push(sequence.0);
        }
    }
    world
        .until("all are told", |world| world.target.took().len() >= 60)
        .await;
    assert_eq!(
        world.target.by_sandbox(),
        expected,
        "and nothing from before the webhook was there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_whose_events_are_refused_holds_up_no_other() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world.target.answers(|body| {
        if body["sandbox"] == "bad" {
            Err(unreachable())
        } else {
            Ok(())
        }
    });
    let first = world.requested("bad", &[]).await;
    let second = world.happens("bad", vec![SandboxEvent::Stopped]).await;
    for _ in 0..5 {
        world.happens("good", vec![SandboxEvent::Stopped]).await;
    }
    world
        .until("the others are told", |world| world.target.took().len() == 5)
        .await;
    assert!(world.aside("wh1").is_empty(), "it is tried for hours");
    world
        .until("both are put aside", |world| world.aside("wh1").len() == 2)
        .await;
    let aside = world.aside("wh1");
    let reason = &aside[&first].given_up.reason;
    assert!(reason.contains("on purpose"), "{reason}");
    assert!(aside[&second].given_up.attempts > 50);
}

#[tokio::test(start_paused = true)]
async fn one_commit_that_is_never_taken_does_not_stop_the_webhook_for_hours() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world.happens("good", vec![SandboxEvent::Stopped]).await;
    let bad = world.requested("busy", &[]).await;
    world.target.answers(move |body| {
        if body["events"][0]["sequence"] == bad.0 {
            Err(unreachable())
        } else {
            Ok(())
        }
    });
    for number in 0..MAX_HANDED + 50 {
        world.happens("busy", vec![SandboxEvent::Stopped]).await;
        if number % 100 == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.happens("good", vec![SandboxEvent::Stopped]).await;
        }
    }
    let last = world.happens("good", vec![SandboxEvent::Stopped]).await;
    world
        .until_within(Duration::from_mins(30), "the others are told", |world| {
            let told = world.target.by_sandbox();
            told.get("good").is_some_and(|told| told.contains(&last.0))
        })
        .await;
    world
        .until_within(Duration::from_mins(30), "what comes behind it is told", |world| {
            let told = world.target.by_sandbox();
            told.get("busy").is_some_and(|told| told.len() == MAX_HANDED + 50)
        })
        .await;
    assert_eq!(world.aside("wh1").into_keys().collect::<Vec<_>>(), [bad]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_away_costs_no_dead_letter_before_its_time() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    world.target.answers(|_| Err(unreachable()));
    for of in 0..MAX_HANDED + 50 {
        world
            .happens(&format!("s{}", of % 50), vec![SandboxEvent::Stopped])
            .await;
    }
    tokio::time::sleep(Duration::from_hours(4)).await;
    let mut tries = 0;
    world.target.answers(move |_| {
        tries += 1;
        // It has trouble on its feet again.
        if tries % 2 == 0 {
            Ok(())
        } else {
            Err(unreachable())
        }
    });
    world
        .until("all are told", |world| {
            world.target.took().len() == MAX_HANDED + 50
        })
        .await;
    assert!(world.aside("wh1").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_asks_for_time_is_left_alone_as_a_whole_and_not_for_ever() {
    let world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    let tries = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tries);
    world.target.answers(move |_| {
        let mut tries = seen.lock().unwrap();
        tries.push(Instant::now());
        match tries.len() {
            1 => Err(Failure::Later(
                StatusCode::SERVICE_UNAVAILABLE,
                Duration::from_mins(10),
            )),
            2 => Err(Failure::Later(StatusCode::TOO_MANY_REQUESTS, Duration::MAX)),
            _ => Ok(()),
        }
    });
    world.requested("s1", &[]).await;
    world
        .until("it is tried", |_| tries.lock().unwrap().len() == 1)
        .await;
    world.requested("s2", &[]).await;
    world
        .until("both are told", |world| world.target.took().len() == 2)
        .await;
    let tries = tries.lock().unwrap().clone();
    assert!(tries[1] - tries[0] >= Duration::from_mins(10));
    let (least, most) = (Duration::from_hours(1), Duration::from_mins(61));
    assert!((least..most).contains(&(tries[3] - tries[1])), "{tries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_dies_leaves_nothing_untold() {
    let mut world = World::new().await;
    world.change("wh1", WebhookChange::Create(all())).await;
    let mut expected = Vec::new();
    for _ in 0..40 {
        expected.push(world.happens("s1", vec![SandboxEvent::Stopped]).await.0);
        world.happens("s2", vec![SandboxEvent::Stopped]).await;
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        if expected.len() % 8 == 0 {
            world.restart();
        }
    }
    world
        .until("all are told", |world| {
            let mut told = world.target.by_sandbox().remove("s1").unwrap_or_default();
            // What was under way when it died may be told twice, one after the other.
            told.dedup();
            told == expected
        })
        .await;
}
