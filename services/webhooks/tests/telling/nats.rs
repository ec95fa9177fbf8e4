//! The same on a real nats-server: what was in hand when a keeper or the server died is told after all, and in order.

use std::sync::Arc;
use std::time::Duration;

use roost_journal::jetstream::connect;
use roost_journal::testing::NatsServer;
use roost_schemas::command::WebhookChange;
use roost_schemas::event::SandboxEvent;
use roost_webhooks::Failure;

use crate::log::all;
use crate::world::World;

/// Each sequence where it stood first.
fn firsts(told: &[u64]) -> Vec<u64> {
    let mut firsts = Vec::new();
    for sequence in told {
        if !firsts.contains(sequence) {
            firsts.push(*sequence);
        }
    }
    firsts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_keeper_s_death_nor_the_server_s_loses_or_reorders_anything() {
    let mut server = NatsServer::start();
    let connection = connect(server.options()).await.unwrap();
    let mut world = World::over(Arc::new(connection.journal()), Arc::new(connection.feeds())).await;
    world.change("wh1", WebhookChange::Create(all())).await;
    let mut tries = 0;
    world.target.answers(move |_| {
        tries += 1;
        if tries % 4 == 0 {
            Err(Failure::Unreachable("on purpose".to_owned()))
        } else {
            Ok(())
        }
    });
    let mut expected = Vec::new();
    for round in 0..30 {
        expected.push(world.happens("s1", vec![SandboxEvent::Stopped]).await.0);
        world.happens("s2", vec![SandboxEvent::Stopped]).await;
        match round {
            8 => world.restart(),
            16 => {
                server.kill();
                tokio::time::sleep(Duration::from_millis(300)).await;
                server.restart();
            }
            _ => {}
        }
    }
    world
        .until_within(Duration::from_mins(2), "all are told", |world| {
            let told = world.target.by_sandbox();
            ["s1", "s2"].iter().all(|of| {
                let told = told.get(*of).map(Vec::as_slice).unwrap_or_default();
                firsts(told).len() == expected.len()
            })
        })
        .await;
    let told = world.target.by_sandbox();
    assert_eq!(firsts(&told["s1"]), expected);
    assert!(firsts(&told["s2"]).is_sorted());
    assert_eq!(world.feeds.all().await.unwrap().len(), 1);
    world.change("wh1", WebhookChange::Delete).await;
    let feeds = Arc::clone(&world.feeds);
    let forgotten = async {
        while !feeds.all().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), forgotten)
        .await
        .expect("the consumer goes with its webhook");
}
