//! Kills nats-server again and again under writers that never rest: is every acknowledged commit there, and how soon do
//! appends go on once the server is back?
//!
//! `cargo run --release -p roost-journal --example nats_bench`
//!
//! ```text
//!   round:  writers append ── SIGKILL ── restart ── it listens ── first acknowledged append
//!                                                       └─ what is measured ──┘
//!   end:    the whole log is read anew and compared with the writers' own record
//! ```
//!
//! It fails when a commit is lost, or stands otherwise than it was acknowledged, or a round takes longer than its bar.

mod check;
mod writer;

use std::time::{Duration, Instant};

use roost_journal::jetstream::{Options, connect};
use roost_journal::testing::NatsServer;

use writer::Writers;

const ROUNDS: u32 = 100;
/// How soon an append is to be acknowledged once the server listens again.
const BAR: Duration = Duration::from_secs(5);
/// When a round counts as hung.
const HUNG: Duration = Duration::from_mins(1);
/// How long the writers write before each kill: this, and up to as much again.
const CALM: Duration = Duration::from_millis(150);

#[tokio::main]
async fn main() {
    let mut server = NatsServer::start();
    // Not a test's short patience: what the daemons use.
    let log = connect(Options::new(server.url()))
        .await
        .expect("a fresh server is fit");
    let mut writers = Writers::start(&log);
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        // Kills meet the writers at ever other moments of a disk flush.
        tokio::time::sleep(CALM + CALM * (round * 37 % 100) / 100).await;
        server = restarted(server).await;
        let back = Instant::now();
        writers
            .next_within(HUNG)
            .await
            .unwrap_or_else(|| panic!("round {round}: no append was acknowledged within {HUNG:?}"));
        times.push(back.elapsed());
    }
    let acknowledged = writers.stop().await;
    log.close().await;
    let log = connect(Options::new(server.url()))
        .await
        .expect("it was fit before");
    let found = check::against(&acknowledged, &log).await;

    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("rounds of kill -9 and restart        {ROUNDS}");
    println!("acknowledged commits                 {}", acknowledged.len());
    println!("lost or changed                      {}   bar 0", found.len());
    println!(
        "first append after it listens again  median {} ms, longest {} ms   bar {} ms",
        median.as_millis(),
        longest.as_millis(),
        BAR.as_millis()
    );
    for one in found.iter().take(20) {
        println!("  {one}");
    }
    if !found.is_empty() || longest > BAR {
        std::process::exit(1);
    }
}

/// Kills the server, and returns it when it listens again.
async fn restarted(mut server: NatsServer) -> NatsServer {
    let restart = move || {
        server.restart();
        server
    };
    tokio::task::spawn_blocking(restart)
        .await
        .expect("it starts again")
}
