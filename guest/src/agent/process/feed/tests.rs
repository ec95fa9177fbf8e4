//! Readers fast, slow, late and gone.

use std::sync::Arc;

use tokio::time::timeout;

use super::*;
use crate::agent::process::budget::Budget;

/// More than any share.
const FLOOD: usize = 3 << 20;

fn feed() -> Arc<Feed> {
    Feed::new(Arc::new(Budget::of_guest()).share())
}

fn flood() -> Vec<u8> {
    (0..FLOOD).map(|at| at.to_le_bytes()[0]).collect()
}

async fn data(reader: &mut Reader) -> Vec<u8> {
    match reader.next().await {
        Some(Item::Data(_, bytes)) => bytes.to_vec(),
        other => panic!("not data: {other:?}"),
    }
}

#[tokio::test]
async fn every_reader_gets_all_and_then_the_end() {
    let feed = feed();
    let mut readers = [feed.read().unwrap(), feed.read().unwrap()];
    let writer = tokio::spawn({
        let feed = Arc::clone(&feed);
        async move {
            feed.write(Channel::Stdout, &flood()).await;
            feed.end(EndEvent::default());
        }
    });
    let [first, second] = &mut readers;
    let (first, second) = tokio::join!(collect(first), collect(second));
    assert!(first == flood() && second == flood());
    writer.await.unwrap();
}

async fn collect(reader: &mut Reader) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match reader.next().await.unwrap() {
            Item::Data(_, bytes) => all.extend_from_slice(&bytes),
            Item::End(_) => break,
            Item::Gap(gap) => panic!("a gap: {gap:?}"),
        }
    }
    assert_eq!(reader.next().await, None);
    all
}

#[tokio::test(start_paused = true)]
async fn without_readers_the_latest_is_kept_and_a_late_one_learns_what_it_missed() {
    let feed = feed();
    feed.write(Channel::Stderr, b"first").await;
    feed.write(Channel::Pty, &flood()).await;
    feed.end(EndEvent::default());
    let mut late = feed.read().unwrap();
    let Some(Item::Gap(gap)) = late.next().await else {
        panic!("no gap")
    };
    assert_eq!(gap.stderr, 5);
    let kept = collect(&mut late).await;
    assert_eq!(gap.pty + kept.len() as u64, FLOOD as u64);
    assert!(
        flood().ends_with(&kept) && kept.len() > FLOOD / 8,
        "{}",
        kept.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_moves_now_and_then_is_waited_for() {
    let feed = feed();
    let mut slow = feed.read().unwrap();
    let writer = tokio::spawn({
        let feed = Arc::clone(&feed);
        async move {
            feed.write(Channel::Stdout, &flood()).await;
            feed.end(EndEvent::default());
        }
    });
    let mut all = Vec::new();
    while all.len() < FLOOD {
        tokio::time::sleep(PATIENCE.mul_f32(0.9)).await;
        all.extend(data(&mut slow).await);
    }
    assert!(all == flood());
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_is_passed_over_and_told_so() {
    let feed = feed();
    let mut stuck = feed.read().unwrap();
    let began = Instant::now();
    feed.write(Channel::Stdout, &flood()).await;
    assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs(), "waited for once");
    let Some(Item::Gap(gap)) = stuck.next().await else {
        panic!("no gap")
    };
    let mut read = 0;
    while read + gap.stdout < FLOOD as u64 {
        read += data(&mut stuck).await.len() as u64;
    }
    // It reads again, so it is waited for again.
    feed.write(Channel::Stdout, &flood()).await;
    assert!(began.elapsed() >= 2 * PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_away_holds_nobody_up() {
    let feed = feed();
    let reader = feed.read().unwrap();
    let flood = flood();
    let mut writing = Box::pin(feed.write(Channel::Stdout, &flood));
    assert!(timeout(Duration::from_secs(5), &mut writing).await.is_err());
    drop(reader);
    timeout(Duration::from_secs(1), writing).await.unwrap();
}

#[tokio::test]
async fn there_is_an_end_to_readers() {
    let feed = feed();
    let readers: Vec<_> = std::iter::from_fn(|| feed.read().ok()).take(1000).collect();
    assert!(readers.len() < 1000);
    assert!(feed.read().is_err());
    drop(readers);
    assert!(feed.read().is_ok());
}
