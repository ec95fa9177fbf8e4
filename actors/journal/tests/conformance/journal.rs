//! The append rule, reading and following, on both adapters.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use roost_journal::port::{Append, Journal, JournalError};
use roost_schemas::Sequence;
use roost_schemas::TenantId;
use roost_schemas::Timestamp;
use roost_schemas::subject::EventFilter;

use crate::on_both;
use crate::world::{Bounds, WINDOW, World, append, id, ids, next, of_tenant, read_all, stored, subject};

on_both!(
    commits_are_read_back_in_order,
    a_long_subject_is_read_whole,
    a_lost_race_shows_the_newer_commits,
    many_writers_append_each_commit_once,
    a_command_sent_twice_is_stored_once,
    a_command_id_belongs_to_one_subject,
    tenants_may_name_their_commands_alike,
    expecting_what_the_log_does_not_have_is_an_alarm,
    a_follower_gets_what_is_stored_and_then_what_comes,
    a_follower_gets_what_its_filter_admits,
    a_page_has_what_its_filter_admits_and_ends_somewhere,
    a_time_has_a_place_in_the_log,
);

async fn commits_are_read_back_in_order(world: World) {
    let (a, b) = (subject("a"), subject("b"));
    let journal = world.journal.as_ref();
    assert_eq!(journal.head().await.unwrap(), Sequence(0));
    assert!(read_all(journal, &a, 0).await.is_empty());
    let first = stored(journal, &a, 0, "a1").await;
    stored(journal, &b, 0, "b1").await;
    let third = stored(journal, &a, first, "a2").await;
    assert_eq!(journal.head().await.unwrap(), Sequence(third));

    let records = read_all(journal, &a, 0).await;
    assert_eq!(ids(&records), ["a1", "a2"]);
    assert_eq!(records[1].subject, a);
    assert_eq!(records[1].sequence, Sequence(third));
    assert_eq!(records[1].payload, "a2");
    assert!(records[0].stored_at.0 > 1_600_000_000_000);
    assert_eq!(ids(&read_all(journal, &a, first).await), ["a2"]);
    assert!(read_all(journal, &a, third).await.is_empty());
}

async fn a_long_subject_is_read_whole(world: World) {
    let (long, other) = (subject("long"), subject("other"));
    let (mut last, mut other_last) = (0, 0);
    for number in 0..300 {
        last = stored(world.journal.as_ref(), &long, last, &format!("c{number}")).await;
        if number % 50 == 0 {
            other_last = stored(world.journal.as_ref(), &other, other_last, &format!("o{number}")).await;
        }
    }
    let records = read_all(world.journal.as_ref(), &long, 0).await;
    let expected: Vec<String> = (0..300).map(|number| format!("c{number}")).collect();
    assert_eq!(ids(&records), expected);
}

async fn a_lost_race_shows_the_newer_commits(world: World) {
    let a = subject("a");
    let journal = world.journal.as_ref();
    let seen = stored(journal, &a, 0, "mine").await;
    stored(journal, &a, seen, "theirs").await;
    match append(journal, &a, seen, "late").await.unwrap() {
        Append::Conflict(newer) => assert_eq!(ids(&newer), ["theirs"]),
        Append::Stored(sequence) => panic!("stored at {sequence}"),
    }
    match append(journal, &a, 0, "later").await.unwrap() {
        Append::Conflict(newer) => assert_eq!(ids(&newer), ["mine", "theirs"]),
        Append::Stored(sequence) => panic!("stored at {sequence}"),
    }
}

async fn many_writers_append_each_commit_once(world: World) {
    const WRITERS: usize = 8;
    const EACH: usize = 10;
    let a = subject("a");
    let writers = (0..WRITERS).map(|writer| {
        let (journal, a): (Arc<dyn Journal>, _) = (world.journal.clone(), a.clone());
        tokio::spawn(async move {
            let mut last = 0;
            for number in 0..EACH {
                let command = format!("w{writer}-{number}");
                loop {
                    match append(journal.as_ref(), &a, last, &command).await.unwrap() {
                        Append::Stored(sequence) => {
                            last = sequence.0;
                            break;
                        }
                        Append::Conflict(newer) => {
                            last = newer.last().expect("a conflict shows why").sequence.0;
                        }
                    }
                }
            }
        })
    });
    futures::future::try_join_all(writers).await.unwrap();
    let records = read_all(world.journal.as_ref(), &a, 0).await;
    assert_eq!(records.len(), WRITERS * EACH);
    assert_eq!(
        ids(&records).into_iter().collect::<BTreeSet<_>>().len(),
        WRITERS * EACH
    );
    assert!(records.is_sorted_by_key(|record| record.sequence));
}

async fn a_command_sent_twice_is_stored_once(world: World) {
    let a = subject("a");
    let journal = world.journal.as_ref();
    let first = stored(journal, &a, 0, "c1").await;
    let second = stored(journal, &a, first, "c2").await;
    // The caller knows nothing of its first try; has folded half of what came; has folded all of it.
    assert_eq!(stored(journal, &a, 0, "c1").await, first);
    assert_eq!(stored(journal, &a, first, "c2").await, second);
    assert_eq!(stored(journal, &a, second, "c1").await, first);
    assert_eq!(read_all(journal, &a, 0).await.len(), 2);
}

async fn a_command_id_belongs_to_one_subject(world: World) {
    let (a, b) = (subject("a"), subject("b"));
    stored(world.journal.as_ref(), &a, 0, "c1").await;
    match append(world.journal.as_ref(), &b, 0, "c1").await {
        Err(JournalError::CommandIdReused { command_id, used_by }) => {
            assert_eq!((command_id, used_by), (id("c1"), a.to_string()));
        }
        other => panic!("{other:?}"),
    }
    assert!(read_all(world.journal.as_ref(), &b, 0).await.is_empty());
}

async fn tenants_may_name_their_commands_alike(world: World) {
    let (ours, theirs) = (subject("a"), of_tenant("acme", "b"));
    let journal = world.journal.as_ref();
    stored(journal, &ours, 0, "c1").await;
    stored(journal, &theirs, 0, "c1").await;
    for subject in [ours, theirs] {
        assert_eq!(ids(&read_all(journal, &subject, 0).await), ["c1"]);
    }
}

async fn expecting_what_the_log_does_not_have_is_an_alarm(world: World) {
    let a = subject("a");
    stored(world.journal.as_ref(), &a, 0, "c1").await;
    match append(world.journal.as_ref(), &a, 7, "c2").await {
        Err(JournalError::Behind { subject, seen, .. }) => {
            assert_eq!((subject, seen), (a.to_string(), Sequence(7)));
        }
        other => panic!("{other:?}"),
    }
}

async fn a_follower_gets_what_is_stored_and_then_what_comes(world: World) {
    let (a, b) = (subject("a"), subject("b"));
    let journal = world.journal.as_ref();
    let first = stored(journal, &a, 0, "c1").await;
    let second = stored(journal, &b, 0, "c2").await;
    let mut all = journal.follow(&EventFilter::All, Sequence(0)).await.unwrap();
    let mut newer = journal.follow(&EventFilter::All, Sequence(second)).await.unwrap();
    assert_eq!(next(&mut all).await.unwrap().command_id, id("c1"));
    assert_eq!(next(&mut all).await.unwrap().command_id, id("c2"));
    let third = stored(journal, &a, first, "c3").await;
    for records in [&mut all, &mut newer] {
        let record = next(records).await.unwrap();
        assert_eq!(
            (record.command_id, record.sequence, record.subject),
            (id("c3"), Sequence(third), a.clone())
        );
    }
}

async fn a_follower_gets_what_its_filter_admits(world: World) {
    let (mine, other, theirs) = (of_tenant("x", "a"), of_tenant("x", "b"), of_tenant("y", "a"));
    let journal = world.journal.as_ref();
    let tenant = EventFilter::Tenant(TenantId::new("x").unwrap());
    let mut of_tenant = journal.follow(&tenant, Sequence(0)).await.unwrap();
    let mut of_one = journal
        .follow(&EventFilter::One(other.clone()), Sequence(0))
        .await
        .unwrap();
    let first = stored(journal, &mine, 0, "c1").await;
    stored(journal, &theirs, 0, "c2").await;
    stored(journal, &other, 0, "c3").await;
    stored(journal, &mine, first, "c4").await;
    for expected in ["c1", "c3", "c4"] {
        assert_eq!(next(&mut of_tenant).await.unwrap().command_id, id(expected));
    }
    assert_eq!(next(&mut of_one).await.unwrap().command_id, id("c3"));
}

async fn a_page_has_what_its_filter_admits_and_ends_somewhere(world: World) {
    let (mine, other, theirs) = (of_tenant("x", "a"), of_tenant("x", "b"), of_tenant("y", "a"));
    let journal = world.journal.as_ref();
    let first = stored(journal, &mine, 0, "c1").await;
    let second = stored(journal, &theirs, 0, "c2").await;
    stored(journal, &other, 0, "c3").await;
    let tenant = EventFilter::Tenant(TenantId::new("x").unwrap());
    let whole = journal.page(&tenant, Sequence(0), 1 << 20).await.unwrap();
    assert_eq!((ids(&whole.records), whole.more), (vec!["c1", "c3"], false));
    let rest = journal.page(&tenant, Sequence(first), 1 << 20).await.unwrap();
    assert_eq!((ids(&rest.records), rest.more), (vec!["c3"], false));
    // Whoever has room for less than one commit gets one.
    let least = journal.page(&tenant, Sequence(0), 1).await.unwrap();
    assert_eq!((ids(&least.records), least.more), (vec!["c1"], true));
    let all = journal
        .page(&EventFilter::All, Sequence(first), 1 << 20)
        .await
        .unwrap();
    assert_eq!(ids(&all.records), ["c2", "c3"]);
    let one = EventFilter::One(theirs);
    let none = journal.page(&one, Sequence(second), 1 << 20).await.unwrap();
    assert!(none.records.is_empty() && !none.more);
    let beyond = journal.page(&tenant, Sequence(1_000_000), 1 << 20).await.unwrap();
    assert!(beyond.records.is_empty() && !beyond.more);
}

async fn a_time_has_a_place_in_the_log(world: World) {
    let a = subject("a");
    let journal = world.journal.as_ref();
    assert_eq!(journal.before(Timestamp::now()).await.unwrap(), Sequence(0));
    let first = stored(journal, &a, 0, "c1").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let second = stored(journal, &a, first, "c2").await;
    let times: Vec<_> = read_all(journal, &a, 0)
        .await
        .iter()
        .map(|r| r.stored_at)
        .collect();
    assert_eq!(journal.before(Timestamp(0)).await.unwrap(), Sequence(0));
    // Times are kept to the millisecond, which is rounded down.
    assert_eq!(journal.before(times[0]).await.unwrap(), Sequence(0));
    assert_eq!(journal.before(times[1]).await.unwrap(), Sequence(first));
    let later = Timestamp(times[1].0 + 1);
    assert_eq!(journal.before(later).await.unwrap(), Sequence(second));
    assert_eq!(
        journal.before(Timestamp(u64::MAX)).await.unwrap(),
        Sequence(second)
    );
}

/// Neither adapter remembers an id for ever; the subject does.
async fn a_command_after_the_window_is_found_in_the_subject(world: World) {
    let (a, b) = (subject("a"), subject("b"));
    let journal = world.journal.as_ref();
    let first = stored(journal, &a, 0, "c1").await;
    stored(journal, &a, first, "c2").await;
    tokio::time::sleep(WINDOW + Duration::from_millis(200)).await;
    assert_eq!(stored(journal, &a, 0, "c1").await, first);
    assert_eq!(read_all(journal, &a, 0).await.len(), 2);
    // It shows that the window was over: within it this is a reuse.
    stored(journal, &b, 0, "c1").await;
}

fn forgetful() -> Bounds {
    Bounds {
        duplicate_window: WINDOW,
        ..Bounds::default()
    }
}

#[tokio::test]
async fn a_command_after_the_window_in_memory() {
    a_command_after_the_window_is_found_in_the_subject(World::memory_with(forgetful())).await;
}

#[tokio::test]
async fn a_command_after_the_window_in_jetstream() {
    a_command_after_the_window_is_found_in_the_subject(World::jetstream_with(forgetful()).await).await;
}
