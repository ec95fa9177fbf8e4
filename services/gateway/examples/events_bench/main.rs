//! Event streams under load: ten thousand events a second to a hundred readers, and what five thousand that wait cost.
//!
//! `cargo run --release -p roost-gateway --example events_bench`
//!
//! ```text
//!   writers ──▶ nats-server ──▶ a gateway, as a process of its own ──▶ readers, each counting what it gets
//! ```
//!
//! nats-server syncs each commit to disk, which a machine does some hundred or thousand times a second; so a commit has many
//! events here. It fails when a reader misses one or gets one twice, when events come more slowly, or when a reader costs
//! more memory.

mod gateway;
mod reader;
mod writer;

use std::time::{Duration, Instant};

use roost_journal::jetstream::{Connection, Options, connect};
use roost_journal::port::Journal;
use roost_journal::testing::NatsServer;
use roost_schemas::Sequence;
use tokio::task::JoinSet;

use gateway::Gateway;
use reader::{Reader, Seen};
use writer::EVENTS;

/// Readers of the flood, and how long it lasts.
const READERS: usize = 100;
const FLOOD: Duration = Duration::from_secs(10);
/// Events in a second.
const RATE: usize = 10_000;
/// What is aimed at, so that a moment's pause does not miss the bar.
const AIM: usize = RATE + RATE / 50;
/// Readers that wait, and bytes that each of them may cost.
const IDLE: usize = 5000;
const EACH: usize = 64 << 10;
/// How long the last readers may take for the last event.
const PATIENCE: Duration = Duration::from_mins(1);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    gateway::raise_descriptors();
    match arguments.next().as_deref() {
        Some(gateway::SERVE) => runtime.block_on(gateway::serve(&arguments.next().unwrap_or_default())),
        _ => runtime.block_on(measure()),
    }
}

async fn measure() {
    let server = NatsServer::start();
    let log = connect(Options::new(server.url()))
        .await
        .expect("a fresh server is fit");
    // First, while the gateway has no memory to spare from what it has read.
    let idle = idle(&server, &log).await;
    let flood = flood(&server, &log).await;
    if !(idle && flood) {
        std::process::exit(1);
    }
}

/// Whether every reader got every event, and they came fast enough.
async fn flood(server: &NatsServer, log: &Connection) -> bool {
    let gateway = Gateway::start(&server.url());
    let head = head(log).await;
    let mut readers = JoinSet::new();
    let mut opened = Vec::new();
    for _ in 0..READERS {
        opened.push(Reader::open(gateway.address(), head).await);
    }
    let before = gateway.cpu();
    let began = Instant::now();
    let writing = tokio::spawn(writer::write(log.journal(), AIM / EVENTS, FLOOD));
    let commits = AIM / EVENTS * usize::try_from(FLOOD.as_secs()).unwrap_or(usize::MAX);
    for mut reader in opened {
        readers.spawn(async move {
            let seen = tokio::time::timeout(FLOOD + PATIENCE, reader.take(commits * EVENTS)).await;
            (seen.is_ok(), reader.seen, Instant::now())
        });
    }
    writing.await.expect("writers do not panic");
    let written = Instant::now();
    let readers = readers.join_all().await;
    let used = gateway.cpu().saturating_sub(before);
    let rate = per_second(commits * EVENTS, written - began);
    let all = Seen::of(commits, EVENTS);
    let whole = readers.iter().filter(|(_, seen, _)| *seen == all).count();
    let last = readers.iter().map(|(_, _, at)| *at).max().unwrap_or(written);
    let bytes: usize = readers.iter().map(|(_, seen, _)| seen.bytes).sum();
    println!("events written                     {}", commits * EVENTS);
    println!("  in a second                      {rate}   bar {RATE}");
    println!("readers                            {READERS}");
    println!("  that got all, once and in order  {whole}   bar {READERS}");
    println!(
        "the last reader had the last       {} ms after it was acknowledged",
        last.saturating_duration_since(written).as_millis()
    );
    println!(
        "told                               {} events/s, {} MB/s, by {:.2} s of CPU in {:.1} s",
        rate * READERS,
        per_second(bytes, last - began) / 1_000_000,
        used.as_secs_f64(),
        (last - began).as_secs_f64()
    );
    for (_, seen, _) in readers.iter().filter(|(_, seen, _)| *seen != all).take(5) {
        println!("  {seen:?} instead of {all:?}");
    }
    whole == READERS && rate >= RATE
}

/// Where the log ends.
async fn head(log: &Connection) -> Sequence {
    log.journal().head().await.expect("the log answers")
}

/// So many in so long, each second.
fn per_second(count: usize, time: Duration) -> usize {
    let micros = usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
    count.saturating_mul(1_000_000) / micros.max(1)
}

/// Whether those who wait cost no more than they may.
async fn idle(server: &NatsServer, log: &Connection) -> bool {
    let gateway = Gateway::start(&server.url());
    let head = head(log).await;
    // What the first costs, all others share.
    let mut readers = vec![Reader::open(gateway.address(), head).await];
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = gateway.memory();
    for _ in 1..IDLE {
        readers.push(Reader::open(gateway.address(), head).await);
    }
    // Past a heartbeat, so that each has been written to.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let each = gateway.memory().saturating_sub(before) / (IDLE - 1);
    let began = Instant::now();
    writer::write(log.journal(), 1, Duration::from_secs(1)).await;
    let mut told = JoinSet::new();
    for mut reader in readers {
        told.spawn(async move { tokio::time::timeout(PATIENCE, reader.take(EVENTS)).await.is_ok() });
    }
    let told = told.join_all().await.into_iter().filter(|told| *told).count();
    println!("readers that wait                  {IDLE}");
    println!("  bytes of each in the gateway     {each}   bar {EACH}");
    println!(
        "  told of the next commit          {told}, within {} ms",
        began.elapsed().as_millis()
    );
    each <= EACH && told == IDLE
}
