//! Projections over both adapters: folding, resting, stopping.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use roost_journal::checkpoint::{Change, Checkpoint, Mark, MemoryCheckpoint, Seen};
use roost_journal::memory::Memory;
use roost_journal::port::{Append, Journal, Record};
use roost_journal::projection::{self, Alarm, Pace, Projection, ProjectionHandle, State, Waited};
use roost_schemas::codec::{self, Undecodable};
use roost_schemas::subject::{EventFilter, EventSubject};
use roost_schemas::{CommandId, Digest, Sequence};
use tokio::time::Instant;

use crate::on_both;
use crate::world::{PATIENCE, World, next, subject};

on_both!(
    it_follows_the_log,
    it_goes_on_from_its_checkpoint,
    it_is_saved_while_it_follows,
    a_commit_that_does_not_decode_stops_it,
    a_log_behind_its_checkpoint_stops_it,
    a_log_that_is_another_than_its_checkpoints_stops_it,
    entries_of_another_version_are_not_read,
);

/// The sum of the numbers committed to each subject.
#[derive(Debug, Default)]
struct Sums {
    of: BTreeMap<String, u64>,
    changed: BTreeSet<String>,
    applied: u64,
}

impl Projection for Sums {
    const NAME: &'static str = "sums";
    const VERSION: u32 = 3;

    fn apply(&mut self, record: &Record) -> Result<(), Undecodable> {
        let number: u64 = codec::decode("number", &record.payload)?;
        assert!(number != 666, "a bug in the projection");
        *self.of.entry(record.subject.to_string()).or_default() += number;
        self.changed.insert(record.subject.to_string());
        self.applied += 1;
        Ok(())
    }

    fn drain_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|key| (key.clone().into(), self.of.get(&key).map(codec::encode)))
            .collect()
    }

    fn restore(&mut self, _: Sequence, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Undecodable> {
        for (key, value) in entries {
            self.of.insert(
                String::from_utf8(key).expect("a subject"),
                codec::decode("sum", &value)?,
            );
        }
        Ok(())
    }
}

impl Sums {
    fn total(&self) -> u64 {
        self.of.values().sum()
    }
}

const SELDOM: Pace = Pace {
    commits: 1_000_000,
    every: Duration::from_hours(1),
};

async fn start(journal: &Arc<dyn Journal>, checkpoint: &Arc<MemoryCheckpoint>) -> ProjectionHandle<Sums> {
    start_at(SELDOM, journal, checkpoint).await
}

async fn start_at(
    pace: Pace,
    journal: &Arc<dyn Journal>,
    checkpoint: &Arc<MemoryCheckpoint>,
) -> ProjectionHandle<Sums> {
    let checkpoint: Arc<dyn Checkpoint> = checkpoint.clone();
    projection::start(journal.clone(), Some(checkpoint), pace).await
}

async fn commit(journal: &dyn Journal, subject: &EventSubject, expected: u64, number: u64) -> u64 {
    commit_bytes(journal, subject, expected, codec::encode(&number)).await
}

async fn commit_bytes(journal: &dyn Journal, subject: &EventSubject, expected: u64, bytes: Vec<u8>) -> u64 {
    match journal
        .append(
            subject,
            Sequence(expected),
            &CommandId::random(),
            Bytes::from(bytes),
        )
        .await
        .unwrap()
    {
        Append::Stored(sequence) => sequence.0,
        Append::Conflict(newer) => panic!("{newer:?}"),
    }
}

async fn reach(handle: &ProjectionHandle<Sums>, sequence: u64) {
    handle
        .wait_for(Sequence(sequence), Instant::now() + PATIENCE)
        .await
        .unwrap();
}

async fn it_follows_the_log(world: World) {
    let journal = world.journal.as_ref();
    let first = commit(journal, &subject("a"), 0, 1).await;
    let handle = projection::start::<Sums>(world.journal.clone(), None, SELDOM).await;
    reach(&handle, first).await;
    let second = commit(journal, &subject("a"), first, 2).await;
    reach(&handle, second).await;
    assert_eq!(handle.read(Sums::total), 3);
    assert_eq!(
        (handle.applied(), handle.state()),
        (Sequence(second), State::Running)
    );

    let late = handle
        .wait_for(Sequence(second + 1), Instant::now() + Duration::from_millis(50))
        .await;
    assert!(matches!(&late, Err(Waited::Late { .. })), "{late:?}");
    handle.stop().await;
    let ended = handle
        .wait_for(Sequence(second + 1), Instant::now() + PATIENCE)
        .await;
    assert!(
        matches!(&ended, Err(Waited::Stopped { alarm: None, .. })),
        "{ended:?}"
    );
}

async fn it_goes_on_from_its_checkpoint(world: World) {
    let (journal, checkpoint) = (world.journal.as_ref(), Arc::default());
    let first = commit(journal, &subject("a"), 0, 1).await;
    let second = commit(journal, &subject("b"), 0, 10).await;
    let handle = start(&world.journal, &checkpoint).await;
    reach(&handle, second).await;
    handle.stop().await;

    let third = commit(journal, &subject("a"), first, 100).await;
    let handle = start(&world.journal, &checkpoint).await;
    reach(&handle, third).await;
    assert_eq!(
        handle.read(|sums| (sums.total(), sums.applied)),
        (111, 1),
        "only the new commit is applied"
    );
}

async fn it_is_saved_while_it_follows(world: World) {
    for pace in [
        Pace { commits: 2, ..SELDOM },
        Pace {
            every: Duration::from_millis(20),
            ..SELDOM
        },
    ] {
        let checkpoint = Arc::default();
        let handle = start_at(pace, &world.journal, &checkpoint).await;
        let a = subject(&format!("s{}", pace.commits));
        let first = commit(world.journal.as_ref(), &a, 0, 1).await;
        let second = commit(world.journal.as_ref(), &a, first, 1).await;
        let deadline = Instant::now() + PATIENCE;
        while checkpoint
            .load("sums")
            .await
            .unwrap()
            .is_none_or(|saved| saved.mark.seen.sequence < Sequence(second))
        {
            assert!(Instant::now() < deadline, "nothing is saved");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(handle);
    }
}

async fn a_commit_that_does_not_decode_stops_it(world: World) {
    let (journal, checkpoint) = (world.journal.as_ref(), Arc::default());
    let first = commit(journal, &subject("a"), 0, 1).await;
    let bad = commit_bytes(journal, &subject("b"), 0, vec![0xc1]).await;
    commit(journal, &subject("a"), first, 10).await;
    // A restart meets the same commit again.
    for _ in 0..2 {
        let handle = start(&world.journal, &checkpoint).await;
        let stopped = handle.wait_for(Sequence(bad), Instant::now() + PATIENCE).await;
        match stopped {
            Err(Waited::Stopped {
                applied,
                alarm: Some(Alarm::Undecodable { sequence, .. }),
                ..
            }) => {
                assert_eq!((applied, sequence), (Sequence(first), Sequence(bad)));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            handle.read(Sums::total),
            1,
            "what came before stays readable; nothing after it is applied"
        );
        handle.stop().await;
    }
}

fn mark(version: u32, sequence: u64) -> Mark {
    let seen = Seen {
        sequence: Sequence(sequence),
        digest: Digest::of(b"of no commit"),
    };
    Mark { version, seen }
}

/// What was seen by who has read the commit at `sequence`.
async fn seen(world: &World, sequence: u64) -> Seen {
    let mut records = world
        .journal
        .follow(&EventFilter::All, Sequence(sequence - 1))
        .await
        .unwrap();
    let record = next(&mut records).await.unwrap();
    assert_eq!(record.sequence, Sequence(sequence));
    Seen {
        sequence: record.sequence,
        digest: record.digest(),
    }
}

async fn a_log_that_is_another_than_its_checkpoints_stops_it(world: World) {
    for version in [Sums::VERSION, Sums::VERSION - 1] {
        let checkpoint = Arc::new(MemoryCheckpoint::default());
        let first = commit(world.journal.as_ref(), &subject(&format!("v{version}")), 0, 1).await;
        checkpoint
            .save(Sums::NAME, mark(version, first), Vec::new())
            .await
            .unwrap();
        let handle = start(&world.journal, &checkpoint).await;
        let stopped = handle
            .wait_for(Sequence(first + 1), Instant::now() + PATIENCE)
            .await;
        match stopped {
            Err(Waited::Stopped {
                alarm: Some(Alarm::Log(message)),
                ..
            }) => assert!(message.contains("not the one that was read"), "{message}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(handle.read(Sums::total), 0, "nothing of it is applied");
    }
}

async fn a_log_behind_its_checkpoint_stops_it(world: World) {
    let checkpoint = Arc::new(MemoryCheckpoint::default());
    checkpoint
        .save(Sums::NAME, mark(Sums::VERSION, 5), Vec::new())
        .await
        .unwrap();
    commit(world.journal.as_ref(), &subject("a"), 0, 1).await;
    let handle = start(&world.journal, &checkpoint).await;
    match handle.wait_for(Sequence(6), Instant::now() + PATIENCE).await {
        Err(Waited::Stopped {
            alarm: Some(Alarm::Log(message)),
            ..
        }) => {
            assert!(
                message.contains("commits were lost") && message.contains("state folder"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(handle.state(), State::Stopped(_)));
}

async fn entries_of_another_version_are_not_read(world: World) {
    let checkpoint = Arc::new(MemoryCheckpoint::default());
    let first = commit(world.journal.as_ref(), &subject("a"), 0, 1).await;
    let other = Mark {
        version: Sums::VERSION - 1,
        seen: seen(&world, first).await,
    };
    let entries = vec![(
        b"roost.evt.default.sandbox.z".to_vec(),
        Some(codec::encode(&99_u64)),
    )];
    checkpoint.save(Sums::NAME, other, entries).await.unwrap();
    let handle = start(&world.journal, &checkpoint).await;
    reach(&handle, first).await;
    assert_eq!(handle.read(Sums::total), 1);
    handle.stop().await;
    let saved = checkpoint.load(Sums::NAME).await.unwrap().unwrap();
    assert_eq!(
        (saved.mark.version, saved.mark.seen.sequence, saved.entries.len()),
        (Sums::VERSION, Sequence(first), 1)
    );
}

#[tokio::test]
async fn a_panic_stops_it_and_not_its_readers() {
    let journal: Arc<dyn Journal> = Arc::new(Memory::default().journal());
    let first = commit(journal.as_ref(), &subject("a"), 0, 1).await;
    let bad = commit(journal.as_ref(), &subject("a"), first, 666).await;
    let handle = projection::start::<Sums>(journal, None, SELDOM).await;
    let stopped = handle.wait_for(Sequence(bad), Instant::now() + PATIENCE).await;
    assert!(
        matches!(
            &stopped,
            Err(Waited::Stopped {
                alarm: Some(Alarm::Panicked),
                ..
            })
        ),
        "{stopped:?}"
    );
    assert_eq!(handle.state(), State::Stopped(Alarm::Panicked));
    assert_eq!(handle.read(Sums::total), 1);
}
