//! One seed: some sandboxes live and some dead letters are asked for, while the process that tells goes through its lives.

use std::sync::Arc;
use std::time::Duration;

use roost_journal::memory::Memory;
use roost_journal::port::Journal;
use roost_runtime::fleet::{FleetHandle, REPLAY_PATIENCE};
use roost_schemas::command::WebhookChange;
use roost_schemas::event::SandboxEvent;
use roost_schemas::token::TokenKey;
use roost_webhooks::{Keeper, Pace};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::book::{Book, WEBHOOK};
use super::line::{Climate, Line, LinedFeeds, LinedTarget};
use crate::log::{Log, all};

/// Longer than it takes in any of these worlds until all is told.
const LONG: Duration = Duration::from_hours(100);
/// How often it is looked whether all is.
const LOOK: Duration = Duration::from_secs(5);
/// Commits that happen.
const COMMITS: usize = 30;

/// What there was in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) steps: usize,
    pub(super) deaths: usize,
    pub(super) put_aside: usize,
    pub(super) redelivered: usize,
    pub(super) repeated: usize,
}

impl Outcome {
    pub(super) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.deaths += other.deaths;
        self.put_aside += other.put_aside;
        self.redelivered += other.redelivered;
        self.repeated += other.repeated;
    }
}

/// Plays it to its end, and fails if a rule is broken.
pub(super) fn play(seed: u64, climate: Climate, dies_at: Option<usize>) -> Outcome {
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let played = runtime.block_on(world(seed, climate, dies_at));
    played.unwrap_or_else(|broken| {
        panic!("with seed {seed}, {climate:?}, a death at {dies_at:?}: {broken:#?}");
    })
}

async fn world(seed: u64, climate: Climate, dies_at: Option<usize>) -> Result<Outcome, Vec<String>> {
    let memory = Memory::default();
    let book = Arc::new(Book::new(&memory));
    let mut line = Line::new(seed, climate, dies_at);
    let lives = tokio::spawn(lives(
        Log(Arc::new(memory.journal())),
        Arc::clone(&book),
        fastrand::Rng::with_seed(!seed),
    ));
    let began = Instant::now();
    let mut process = process(&line, &memory, &book);
    loop {
        tokio::select! {
            biased;
            () = line.died() => {
                process.abort();
                let _ = process.await;
                book.check_settled();
                line = line.next();
                process = self::process(&line, &memory, &book);
            }
            () = sleep(LOOK) => {}
        }
        if !lives.is_finished() {
            continue;
        }
        line.calm();
        let unfinished = book.unfinished();
        if unfinished.is_empty() {
            break;
        }
        if began.elapsed() > LONG {
            book.is_broken(format!("never finished: {unfinished:?}"));
            break;
        }
    }
    process.abort();
    book.check_settled();
    let broken = book.broken();
    if !broken.is_empty() {
        return Err(broken);
    }
    let [put_aside, redelivered, repeated] = book.counts();
    Ok(Outcome {
        steps: line.steps(),
        deaths: line.lives(),
        put_aside,
        redelivered,
        repeated,
    })
}

/// The process that tells: the same as that of `roost-webhooks`.
fn process(line: &Line, memory: &Memory, book: &Arc<Book>) -> JoinHandle<()> {
    let journal: Arc<dyn Journal> = Arc::new(memory.journal().over(Arc::new(line.clone())));
    let feeds = LinedFeeds {
        line: line.clone(),
        feeds: memory.feeds(),
    };
    let target = LinedTarget {
        line: line.clone(),
        book: Arc::clone(book),
    };
    let key: TokenKey = "5a".repeat(32).parse().unwrap();
    let pace = Pace {
        patience: Duration::from_mins(2),
        ..Pace::default()
    };
    let line = line.clone();
    tokio::spawn(async move {
        let fleet = FleetHandle::start(Arc::clone(&journal), None).await;
        if fleet.catch_up(&*journal, REPLAY_PATIENCE).await.is_ok() {
            let keeper = Keeper::new(journal, Arc::new(feeds), fleet, Arc::new(target), key, pace);
            keeper.run().await;
        }
        line.die();
    })
}

/// What happens in the log meanwhile.
async fn lives(log: Log, book: Arc<Book>, mut random: fastrand::Rng) {
    let sandboxes = ["s1", "s2", "s3"];
    let made_before = random.usize(0..COMMITS / 3);
    for number in 0..COMMITS {
        if number == made_before {
            log.change(WEBHOOK, WebhookChange::Create(all())).await;
        }
        let of = sandboxes[random.usize(0..sandboxes.len())];
        log.happens(of, vec![SandboxEvent::Stopped]).await;
        sleep(Duration::from_millis(random.u64(0..20_000))).await;
        if let Some(letter) = book.aside().first().filter(|_| random.u8(0..3) == 0) {
            // In vain, as long as it is not to the target's taste.
            log.change(WEBHOOK, WebhookChange::Redeliver(*letter)).await;
        }
    }
    if random.bool() {
        book.take_all();
        for letter in book.aside() {
            log.change(WEBHOOK, WebhookChange::Redeliver(letter)).await;
        }
    }
}
