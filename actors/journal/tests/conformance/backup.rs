//! The log as it is stored, taken out of one server and put into another.

use std::time::Duration;

use futures::StreamExt;
use roost_journal::jetstream::{self, Backup, Stored};
use roost_journal::port::Journal;
use roost_journal::testing::{NatsServer, Proxy};
use roost_schemas::Sequence;

use crate::world::{PATIENCE, WINDOW, read_all, stored, subject};

/// The first `count` messages.
async fn taken(backup: &Backup, count: usize) -> Vec<Stored> {
    let messages = backup.messages(Sequence(0)).await.unwrap();
    let taken = messages.take(count).map(Result::unwrap).collect();
    tokio::time::timeout(PATIENCE, taken)
        .await
        .expect("they are there")
}

/// A server on which the same command id may stand on two subjects soon.
async fn forgetful(server: &NatsServer) -> jetstream::Connection {
    let options = jetstream::Options {
        duplicate_window: WINDOW,
        ..server.options()
    };
    jetstream::connect(options).await.unwrap()
}

#[tokio::test]
async fn what_is_restored_is_the_same_log() {
    let (one, other) = (NatsServer::start(), NatsServer::start());
    let original = forgetful(&one).await;
    let (a, b) = (subject("a"), subject("b"));
    let first = stored(&original.journal(), &a, 0, "same").await;
    stored(&original.journal(), &a, first, "c2").await;
    tokio::time::sleep(WINDOW * 3).await;
    // The server has forgotten that it knows this id; the one that it is restored to has not.
    stored(&original.journal(), &b, 0, "same").await;
    original
        .client()
        .publish("roost.evt.default.sandbox.c", "by hand".into())
        .await
        .unwrap();
    let messages = taken(&original.backup(), 4).await;

    let copy = forgetful(&other).await;
    copy.backup().restore(&messages).await.unwrap();
    let found = taken(&copy.backup(), 4).await;
    assert!(
        found
            .iter()
            .zip(&messages)
            .all(|(found, message)| found.is_same(message))
    );
    for subject in [a, b] {
        let digests = |records: Vec<roost_journal::port::Record>| -> Vec<_> {
            records
                .iter()
                .map(|record| (record.sequence, record.digest()))
                .collect()
        };
        assert_eq!(
            digests(read_all(&copy.journal(), &subject, 0).await),
            digests(read_all(&original.journal(), &subject, 0).await)
        );
    }
    // It goes on where the original would have.
    stored(&copy.journal(), &subject("b"), 3, "c3").await;
}

#[tokio::test]
async fn lost_answers_double_nothing() {
    let (one, other) = (NatsServer::start(), NatsServer::start());
    let original = jetstream::connect(one.options()).await.unwrap();
    let mut last = 0;
    for number in 0..20 {
        last = stored(&original.journal(), &subject("a"), last, &format!("c{number}")).await;
    }
    let messages = taken(&original.backup(), 20).await;
    let proxy = Proxy::start(other.port()).await;
    let options = jetstream::Options {
        url: proxy.url(),
        ..other.options()
    };
    let copy = jetstream::connect(options).await.unwrap();
    proxy.mute();
    let healed = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        proxy.cut();
    };
    let backup = copy.backup();
    let (restored, ()) = tokio::join!(backup.restore(&messages), healed);
    restored.unwrap();
    assert_eq!(copy.journal().head().await.unwrap(), Sequence(last));
    let found = taken(&backup, 20).await;
    assert!(
        found
            .iter()
            .zip(&messages)
            .all(|(found, message)| found.is_same(message))
    );
}
