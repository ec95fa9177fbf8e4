//! Lost answers, dead servers, lost logs.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use roost_journal::jetstream::{self, Options};
use roost_journal::memory::{Fault, Memory};
use roost_journal::port::{Append, Journal, JournalError, Message, Queue};
use roost_journal::testing::{NatsServer, Proxy};
use roost_schemas::Sequence;
use roost_schemas::command::ContentType;
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::{EventFilter, Route};

use crate::queue;
use crate::world::{PATIENCE, append, id, ids, next, read_all, stored, subject};

/// A connection to `server` through a wire that can fail, and one that cannot.
async fn through_proxy(server: &NatsServer) -> (Proxy, jetstream::Connection, jetstream::Connection) {
    let proxy = Proxy::start(server.port()).await;
    let faulty = jetstream::connect(Options {
        url: proxy.url(),
        ..server.options()
    })
    .await
    .unwrap();
    let sound = jetstream::connect(server.options()).await.unwrap();
    (proxy, faulty, sound)
}

async fn until_head(journal: &dyn Journal, head: u64) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while journal.head().await.unwrap() < Sequence(head) {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the log does not reach {head}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_has_succeeded() {
    let server = NatsServer::start();
    let (proxy, faulty, sound) = through_proxy(&server).await;
    let a = subject("a");
    let first = stored(&faulty.journal(), &a, 0, "c1").await;
    proxy.mute();
    let doubtful = tokio::spawn(async move { stored(&faulty.journal(), &subject("a"), first, "c2").await });
    until_head(&sound.journal(), 2).await;
    proxy.cut();
    assert_eq!(doubtful.await.unwrap(), 2);
    assert_eq!(ids(&read_all(&sound.journal(), &a, 0).await), ["c1", "c2"]);
}

/// The hard one: the commit is on disk, its acknowledgement is not out, and the server dies.
#[tokio::test]
async fn an_append_is_resolved_when_the_server_dies_before_it_answers() {
    let mut server = NatsServer::start();
    let (proxy, faulty, sound) = through_proxy(&server).await;
    let a = subject("a");
    proxy.mute();
    let doubtful = tokio::spawn(async move { stored(&faulty.journal(), &subject("a"), 0, "c1").await });
    until_head(&sound.journal(), 1).await;
    server.kill();
    proxy.cut();
    server.restart();
    assert_eq!(doubtful.await.unwrap(), 1);
    assert_eq!(ids(&read_all(&sound.journal(), &a, 0).await), ["c1"]);
}

#[tokio::test]
async fn others_that_came_during_the_doubt_are_a_conflict() {
    let server = NatsServer::start();
    let (proxy, faulty, sound) = through_proxy(&server).await;
    let a = subject("a");
    // Nothing arrives any more in either direction until the wire is cut.
    proxy.mute();
    stored(&sound.journal(), &a, 0, "theirs").await;
    let doubtful = tokio::spawn(async move { append(&faulty.journal(), &subject("a"), 0, "mine").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    proxy.cut();
    match doubtful.await.unwrap().unwrap() {
        Append::Conflict(newer) => assert_eq!(ids(&newer), ["theirs"]),
        Append::Stored(sequence) => panic!("stored at {sequence}"),
    }
}

#[tokio::test]
async fn appends_wait_for_a_dead_server_and_lose_nothing() {
    let mut server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let writer = tokio::spawn(async move {
        let mut last = 0;
        for number in 0..400 {
            last = stored(&log.journal(), &subject("a"), last, &format!("c{number}")).await;
        }
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        server.kill();
        server.restart();
    }
    writer.await.unwrap();
    let log = jetstream::connect(server.options()).await.unwrap();
    let records = read_all(&log.journal(), &subject("a"), 0).await;
    let expected: Vec<String> = (0..400).map(|number| format!("c{number}")).collect();
    assert_eq!(ids(&records), expected, "each commit stands once and in order");
}

#[tokio::test]
async fn an_append_gives_up_when_the_server_stays_away() {
    let mut server = NatsServer::start();
    let options = Options {
        patience: Duration::from_secs(1),
        ..server.options()
    };
    let log = jetstream::connect(options).await.unwrap();
    server.kill();
    let lost = append(&log.journal(), &subject("a"), 0, "c1").await;
    assert!(matches!(&lost, Err(JournalError::Unavailable { .. })), "{lost:?}");
    // The client may still deliver it; the same command id settles which.
    server.restart();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while append(&log.journal(), &subject("a"), 0, "c1").await.is_err() {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(ids(&read_all(&log.journal(), &subject("a"), 0).await), ["c1"]);
}

#[tokio::test]
async fn a_follower_misses_nothing_when_the_server_restarts() {
    let mut server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let journal = log.journal();
    let mut records = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    let mut last = 0;
    for round in 0..3 {
        for number in 0..20 {
            last = stored(&journal, &subject("a"), last, &format!("c{round}-{number}")).await;
        }
        for number in 0..10 {
            assert_eq!(
                next(&mut records).await.unwrap().command_id,
                id(&format!("c{round}-{number}"))
            );
        }
        server.kill();
        server.restart();
        let began = tokio::time::Instant::now();
        for number in 10..20 {
            assert_eq!(
                next(&mut records).await.unwrap().command_id,
                id(&format!("c{round}-{number}"))
            );
        }
        last = stored(&journal, &subject("a"), last, &format!("c{round}-new")).await;
        assert_eq!(
            next(&mut records).await.unwrap().command_id,
            id(&format!("c{round}-new"))
        );
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "following resumes after {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_follower_notices_that_the_log_lost_commits() {
    let mut server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let journal = log.journal();
    let mut records = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    let first = stored(&journal, &subject("a"), 0, "c1").await;
    let second = stored(&journal, &subject("a"), first, "c2").await;
    for _ in 0..2 {
        next(&mut records).await.unwrap();
    }
    server.restart_empty();
    jetstream::connect(server.options()).await.unwrap();
    match next(&mut records).await {
        Err(JournalError::Behind { seen, .. }) => assert_eq!(seen, Sequence(second)),
        other => panic!("{other:?}"),
    }
    assert!(records.next().await.is_none());
}

#[tokio::test]
async fn a_message_that_is_not_ours_is_shown_to_its_readers() {
    let server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let journal = log.journal();
    stored(&journal, &subject("a"), 0, "c1").await;
    log.client()
        .publish("roost.evt.default.sandbox.a", Bytes::from_static(b"by hand"))
        .await
        .unwrap();
    until_head(&journal, 2).await;
    let mut records = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    assert_eq!(next(&mut records).await.unwrap().command_id, id("c1"));
    match next(&mut records).await {
        Err(JournalError::Foreign(foreign)) => assert_eq!(foreign.sequence, Sequence(2)),
        other => panic!("{other:?}"),
    }
    stored(&journal, &subject("b"), 0, "c2").await;
    assert_eq!(
        next(&mut records).await.unwrap().command_id,
        id("c2"),
        "who can do without it goes on"
    );
    let read = journal.read(&subject("a"), Sequence(0)).await;
    assert!(matches!(&read, Err(JournalError::Foreign(_))), "{read:?}");
}

#[tokio::test]
async fn an_oversized_commit_is_refused_for_good() {
    let server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let huge = Bytes::from(vec![0; 2 << 20]);
    let refused = log
        .journal()
        .append(&subject("a"), Sequence(0), &id("c1"), huge)
        .await;
    assert!(
        matches!(&refused, Err(JournalError::Refused { bytes: 0x20_0000, .. })),
        "{refused:?}"
    );
}

fn pause(command: &str) -> Message {
    Message {
        command_id: id(command),
        principal: "test".to_owned(),
        deadline: None,
        reply: None,
        trace: None,
        content: ContentType::MessagePack,
        body: Bytes::new(),
    }
}

/// Who takes commands answers whoever listens; nobody does for a client that is not connected.
#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let server = NatsServer::start();
    let (proxy, faulty, sound) = through_proxy(&server).await;
    let mut deliveries = sound.queue().consume(&Route::Any).await.unwrap();
    let asking = tokio::spawn(async move {
        let to = queue::to(Route::Any, "a");
        faulty
            .queue()
            .request(&to, pause("c1"), Duration::from_mins(1))
            .await
    });
    let reply = Reply::Accepted(Accepted {
        sequence: Sequence(7),
        state: "paused".to_owned(),
    });
    for lost in [true, false] {
        let delivery = queue::next(&mut deliveries).await;
        assert_eq!(delivery.message.command_id, id("c1"));
        if lost {
            proxy.mute();
        }
        sound.queue().answer(&delivery.message, &reply).await.unwrap();
        delivery.settle.done().await.unwrap();
        if lost {
            proxy.cut();
        }
    }
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    assert_eq!(answered.expect("an answer in time").unwrap().unwrap(), reply);
}

/// As when a firewall forgets a connection: no word comes of it, and no error.
#[tokio::test]
async fn a_connection_that_died_without_a_word_is_made_anew() {
    let server = NatsServer::start();
    let (proxy, faulty, sound) = through_proxy(&server).await;
    let journal = faulty.journal();
    let mut records = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    proxy.strand();
    stored(&sound.journal(), &subject("a"), 0, "c1").await;
    let began = tokio::time::Instant::now();
    assert_eq!(next(&mut records).await.unwrap().command_id, id("c1"));
    stored(&journal, &subject("b"), 0, "c2").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "it was noticed after {took:?}");
}

/// What was on its way when the server died is tried again as soon as it is back, and not when its time is over.
#[tokio::test]
async fn what_was_under_way_goes_on_with_the_next_connection() {
    let server = NatsServer::start();
    let proxy = Proxy::start(server.port()).await;
    let options = Options {
        url: proxy.url(),
        ack_wait: Duration::from_mins(1),
        patience: Duration::from_mins(2),
        ..server.options()
    };
    let log = jetstream::connect(options).await.unwrap();
    let (journal, queue) = (log.journal(), log.queue());
    let first = stored(&journal, &subject("a"), 0, "c1").await;
    proxy.mute();
    let under_way = async {
        let all = subject("b");
        let to = queue::to(Route::Any, "a");
        let command = pause("c3");
        tokio::join!(
            stored(&journal, &all, 0, "c2"),
            async { queue.publish(&to, &command).await.unwrap() },
            async { journal.page(&EventFilter::All, Sequence(0), 1).await.unwrap() },
            async { journal.head().await.unwrap() },
        )
    };
    let cut = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.cut();
    };
    let gone_on = async { tokio::join!(under_way, cut) };
    let gone_on = tokio::time::timeout(PATIENCE, gone_on).await;
    let ((second, (), page, head), ()) = gone_on.expect("it goes on in time");
    assert_eq!((first, second), (1, 2));
    assert!(!page.records.is_empty() && head >= Sequence(1));
}

#[tokio::test]
async fn commands_survive_a_dead_server() {
    let mut server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let mut deliveries = log.queue().consume(&Route::Any).await.unwrap();
    for round in 0..3 {
        let (before, after) = (format!("before-{round}"), format!("after-{round}"));
        log.queue()
            .publish(&queue::to(Route::Any, "a"), &pause(&before))
            .await
            .unwrap();
        server.kill();
        server.restart();
        log.queue()
            .publish(&queue::to(Route::Any, "a"), &pause(&after))
            .await
            .unwrap();
        let began = tokio::time::Instant::now();
        // What was delivered and not settled when the server died may come twice; nothing may be missing.
        let mut seen = Vec::new();
        while seen.last() != Some(&id(&after)) {
            let delivery = queue::next(&mut deliveries).await;
            seen.push(delivery.message.command_id.clone());
            delivery.settle.done().await.unwrap();
        }
        assert!(seen.contains(&id(&before)), "{seen:?}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "consuming resumes after {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_follower_notices_that_the_log_is_another() {
    let (one, other) = (NatsServer::start(), NatsServer::start());
    let (proxy, through, _direct) = through_proxy(&one).await;
    let journal = through.journal();
    let first = stored(&journal, &subject("a"), 0, "c1").await;
    let mut records = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    next(&mut records).await.unwrap();

    let longer = jetstream::connect(other.options()).await.unwrap().journal();
    let last = stored(&longer, &subject("a"), 0, "another").await;
    stored(&longer, &subject("a"), last, "c2").await;
    proxy.divert(other.port());
    match next(&mut records).await {
        Err(JournalError::Another { seen, .. }) => assert_eq!(seen, Sequence(first)),
        other => panic!("{other:?}"),
    }
    assert!(records.next().await.is_none());
}

#[tokio::test]
async fn losses_in_memory_are_resolved_by_the_same_rule() {
    let journal = Memory::default().journal();
    let a = subject("a");
    journal.inject(Fault::LoseAnswer);
    let first = stored(&journal, &a, 0, "c1").await;
    journal.inject(Fault::LoseRequest);
    let second = stored(&journal, &a, first, "c2").await;
    journal.inject(Fault::LoseAnswer);
    match append(&journal, &a, first, "c3").await.unwrap() {
        Append::Conflict(newer) => assert_eq!(ids(&newer), ["c2"]),
        Append::Stored(sequence) => panic!("stored at {sequence}"),
    }
    assert_eq!(journal.head().await.unwrap(), Sequence(second));

    let mut records = journal.follow(&EventFilter::All, Sequence(second)).await.unwrap();
    journal.lose_after(Sequence(first));
    assert!(matches!(
        next(&mut records).await,
        Err(JournalError::Behind { .. })
    ));
}
