//! The checkpoint on sled: what it keeps, and how it meets sled's faults.

use roost_journal::checkpoint::{Checkpoint, Mark, Seen, SledCheckpoint};
use roost_schemas::{Digest, Sequence};

const NAME: &str = "test";

fn mark(sequence: u64) -> Mark {
    let seen = Seen {
        sequence: Sequence(sequence),
        digest: Digest::of(&sequence.to_be_bytes()),
    };
    Mark { version: 1, seen }
}

fn entry(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (key.into(), value.into())
}

async fn fill(checkpoint: &SledCheckpoint) {
    let changes = vec![
        (b"a".to_vec(), Some(b"1".to_vec())),
        (b"b".to_vec(), Some(b"2".to_vec())),
    ];
    checkpoint.save(NAME, mark(2), changes).await.unwrap();
    let changes = vec![(b"a".to_vec(), None), (b"mark".to_vec(), Some(b"3".to_vec()))];
    checkpoint.save(NAME, mark(3), changes).await.unwrap();
}

#[tokio::test]
async fn what_was_saved_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("checkpoint");
    // Reopened at once, many times: sled gives its lock back late.
    for round in 0..5 {
        let checkpoint = SledCheckpoint::open(&at).await.unwrap();
        if round == 0 {
            assert_eq!(checkpoint.load(NAME).await.unwrap(), None);
            fill(&checkpoint).await;
        }
        let saved = checkpoint.load(NAME).await.unwrap().unwrap();
        assert_eq!(saved.mark, mark(3));
        assert_eq!(saved.entries, [entry("b", "2"), entry("mark", "3")]);
        assert_eq!(checkpoint.load("another").await.unwrap(), None);
    }
    let checkpoint = SledCheckpoint::open(&at).await.unwrap();
    checkpoint.clear(NAME).await.unwrap();
    assert_eq!(checkpoint.load(NAME).await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_one_is_put_aside_and_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("checkpoint");
    for _ in 0..2 {
        fill(&SledCheckpoint::open(&at).await.unwrap()).await;
        std::fs::write(at.join("conf"), b"not what sled wrote").unwrap();
        let checkpoint = SledCheckpoint::open(&at).await.unwrap();
        assert_eq!(checkpoint.load(NAME).await.unwrap(), None);
        drop(checkpoint);
        assert!(folder.path().join("checkpoint.broken").is_dir());
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "broken ones do not pile up"
    );
}

#[tokio::test]
async fn one_that_is_in_use_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("checkpoint");
    let held = SledCheckpoint::open(&at).await.unwrap();
    fill(&held).await;
    let error = SledCheckpoint::open(&at).await.unwrap_err();
    assert!(error.to_string().contains("lock"), "{error}");
    assert!(held.load(NAME).await.unwrap().is_some());
    assert!(!folder.path().join("checkpoint.broken").exists());
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = SledCheckpoint::open(file.join("checkpoint")).await.unwrap_err();
    assert!(error.to_string().contains("file/checkpoint"), "{error}");
}
