//! Servers and streams that are refused.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, PersistenceMode};
use roost_journal::jetstream::{self, Options};
use roost_journal::port::{Append, JournalError};
use roost_journal::testing::{NATS_CONF, NatsServer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::world::{PATIENCE, append, read_all, stored, subject};

const SYNCED: &str = "sync_interval: always";
const LAX: &str = "sync_interval: \"2m\"";

/// The reason and the remedy of a refusal.
async fn refused(options: Options) -> (String, String) {
    match jetstream::connect(options).await {
        Err(JournalError::Unfit { reason, remedy, .. }) => (reason, remedy),
        other => panic!("{other:?}"),
    }
}

/// A server that greets as `version`, and says nothing more than a PONG.
async fn greeting(version: &'static str) -> Options {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let info = format!(
                r#"INFO {{"server_id":"OLD","version":"{version}","headers":true,"jetstream":true,"max_payload":1048576}}"#
            );
            write.write_all(format!("{info}\r\n").as_bytes()).await.unwrap();
            let mut lines = BufReader::new(read).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "PING" {
                    write.write_all(b"PONG\r\n").await.unwrap();
                }
            }
        }
    });
    Options::new(url)
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    for version in ["2.12.8", "2.9.10", "1.4.1", "nightly"] {
        let (reason, remedy) = refused(greeting(version).await).await;
        assert!(reason.contains(version) && reason.contains("2.15"), "{reason}");
        assert!(remedy.contains("install nats-server 2.15"), "{remedy}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_trusted() {
    let silent = Options {
        patience: Duration::from_millis(300),
        ack_wait: Duration::from_millis(100),
        ..greeting("2.15.1").await
    };
    let refused = jetstream::connect(silent).await;
    assert!(
        matches!(&refused, Err(JournalError::Unavailable { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_server_that_syncs_later_is_refused() {
    for lax in [LAX, ""] {
        let server = NatsServer::start_with(&NATS_CONF.replace(SYNCED, lax));
        let (reason, remedy) = refused(server.options()).await;
        assert!(reason.contains("before they are on disk"), "{reason}");
        assert!(remedy.contains(SYNCED), "{remedy}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_tell_whether_it_syncs_is_refused() {
    let server = NatsServer::start_with("jetstream { sync_interval: always }");
    let (reason, remedy) = refused(server.options()).await;
    assert!(reason.contains("does not tell"), "{reason}");
    assert!(remedy.contains("nats.conf"), "{remedy}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_refused() {
    let server = NatsServer::start_with("max_payload: 1MB");
    let (reason, _) = refused(server.options()).await;
    assert!(reason.contains("JetStream is not enabled"), "{reason}");
}

#[tokio::test]
async fn a_stream_that_would_lose_commits_is_refused_and_left_alone() {
    let server = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let lax = Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["roost.evt.>".to_owned()],
        discard: DiscardPolicy::Old,
        max_age: Duration::from_hours(24),
        persist_mode: Some(PersistenceMode::Async),
        ..Config::default()
    };
    context.create_stream(lax).await.unwrap();
    let (reason, remedy) = refused(server.options()).await;
    for fault in [
        "EVENTS",
        "discard policy",
        "deletes allowed",
        "age limit",
        "direct reads",
        "asynchronous",
    ] {
        assert!(reason.contains(fault), "{fault}: {reason}");
    }
    assert!(remedy.contains("nats stream edit EVENTS"), "{remedy}");
    let config = context
        .get_stream("EVENTS")
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    assert_eq!(config.discard, DiscardPolicy::Old);
}

#[tokio::test]
async fn fit_streams_are_found_again() {
    let server = NatsServer::start();
    for _ in 0..2 {
        jetstream::connect(server.options()).await.unwrap().close().await;
    }
    let other_bounds = Options {
        commands_bytes: 1 << 20,
        ..server.options()
    };
    jetstream::connect(other_bounds).await.unwrap();
}

/// Commits are not deletable by whoever can connect.
#[tokio::test]
async fn commits_cannot_be_deleted() {
    let server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    stored(&log.journal(), &subject("a"), 0, "c1").await;
    let stream = async_nats::jetstream::new(log.client())
        .get_stream("EVENTS")
        .await
        .unwrap();
    assert!(stream.delete_message(1).await.is_err());
    assert!(stream.purge().await.is_err());
}

#[tokio::test]
async fn a_server_that_comes_back_lax_gets_no_more_commits() {
    let mut server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let journal = log.journal();
    let mut last = stored(&journal, &subject("a"), 0, "c0").await;
    server.restart_with(&NATS_CONF.replace(SYNCED, LAX));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for number in 1.. {
        match append(&journal, &subject("a"), last, &format!("c{number}")).await {
            // The check and the first commits may cross.
            Ok(Append::Stored(sequence)) => last = sequence.0,
            Err(JournalError::Unfit { .. }) => break,
            other => panic!("{other:?}"),
        }
        assert!(tokio::time::Instant::now() < deadline, "commits go on");
    }
    assert!(
        !read_all(&journal, &subject("a"), 0).await.is_empty(),
        "reading goes on"
    );

    server.restart_with(NATS_CONF);
    while append(&journal, &subject("a"), last, "mended").await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "commits do not resume");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
