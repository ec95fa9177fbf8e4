//! What stands between the process that tells and the world. Each time it is passed is a step, and any may be its last.
//!
//! ```text
//!   fleet, keeper, tellers ── step ──▶ log, feeds, target
//!                          ◀── step ──
//! ```
//!
//! A process that died does nothing more: its steps never end, and whoever plays takes it away.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use roost_journal::memory::{MemoryFeeds, Passage, Wire};
use roost_journal::port::{Feed, FeedId, Feeds, JournalError};
use roost_schemas::Sequence;
use roost_schemas::subject::EventFilter;
use roost_webhooks::{Failure, Post, Posting};
use tokio::sync::watch;
use tokio::time::sleep;

use super::book::Book;

/// How long a sender waits for an answer that does not come.
const UNANSWERED: Duration = Duration::from_secs(2);

/// Of a thousand steps, how many go wrong in which way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Climate {
    dies: u32,
    lost: u32,
    unanswered: u32,
    late: u32,
    twice: u32,
    /// Feeds that end.
    ends: u32,
    /// Posts that fail.
    fails: u32,
}

impl Climate {
    /// That of a seed: some things do not go wrong at all.
    pub(super) fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut rate = |often: u32| if random.bool() { random.u32(0..=often) } else { 0 };
        Self {
            dies: rate(20),
            lost: rate(60),
            unanswered: rate(60),
            late: rate(40),
            twice: rate(100),
            ends: rate(40),
            fails: rate(500),
        }
    }

    /// Only some posts fail.
    pub(super) fn mild() -> Self {
        Self {
            fails: 150,
            ..Self::default()
        }
    }
}

struct Fate {
    random: fastrand::Rng,
    climate: Climate,
    steps: usize,
    dies_at: Option<usize>,
}

impl Fate {
    fn chance(&mut self, rate: u32) -> bool {
        self.random.u32(0..1_000) < rate
    }
}

/// See the module; that of one life.
#[derive(Clone)]
pub(super) struct Line {
    fate: Arc<Mutex<Fate>>,
    /// Which life it is that acts.
    lives: Arc<watch::Sender<usize>>,
    life: usize,
}

impl Line {
    /// That of the first life, which ends at `dies_at` if nothing else ends it before.
    pub(super) fn new(seed: u64, climate: Climate, dies_at: Option<usize>) -> Self {
        let fate = Fate {
            random: fastrand::Rng::with_seed(seed),
            climate,
            steps: 0,
            dies_at,
        };
        Self {
            fate: Arc::new(Mutex::new(fate)),
            lives: Arc::new(watch::Sender::new(0)),
            life: 0,
        }
    }

    /// That of the life that acts now.
    pub(super) fn next(&self) -> Self {
        let life = *self.lives.borrow();
        Self { life, ..self.clone() }
    }

    /// Waits until this life is over.
    pub(super) async fn died(&self) {
        let over = |life: &usize| *life != self.life;
        let _ = self.lives.subscribe().wait_for(over).await;
    }

    /// Ends this life.
    pub(super) fn die(&self) {
        self.lives.send_if_modified(|life| {
            let lives = *life == self.life;
            *life += usize::from(lives);
            lives
        });
    }

    /// From now on nothing goes wrong by chance.
    pub(super) fn calm(&self) {
        self.fate.lock().unwrap().climate = Climate::default();
    }

    pub(super) fn steps(&self) -> usize {
        self.fate.lock().unwrap().steps
    }

    pub(super) fn lives(&self) -> usize {
        *self.lives.borrow()
    }

    async fn step(&self) {
        let lives = *self.lives.borrow() == self.life;
        if !lives || self.is_last() {
            self.die();
            std::future::pending::<()>().await;
        }
    }

    fn is_last(&self) -> bool {
        let mut fate = self.fate.lock().unwrap();
        fate.steps += 1;
        let dies = fate.climate.dies;
        fate.dies_at == Some(fate.steps) || fate.chance(dies)
    }

    fn goes_wrong(&self, rate: impl FnOnce(&Climate) -> u32) -> bool {
        let mut fate = self.fate.lock().unwrap();
        let rate = rate(&fate.climate);
        fate.chance(rate)
    }

    async fn lag(&self) {
        let lag = self.fate.lock().unwrap().random.u64(0..30);
        sleep(Duration::from_millis(lag)).await;
    }

    fn passage(&self) -> Passage {
        let mut fate = self.fate.lock().unwrap();
        let after = Duration::from_millis(fate.random.u64(0..10_000));
        let Climate {
            lost,
            unanswered,
            late,
            twice,
            ..
        } = fate.climate;
        let ways = [
            (lost, Passage::Lost),
            (unanswered, Passage::Unanswered),
            (late, Passage::Late(after)),
            (twice, Passage::Twice(after)),
        ];
        let wrong = ways.into_iter().find(|(rate, _)| fate.chance(*rate));
        wrong.map_or(Passage::Through, |(_, way)| way)
    }
}

#[async_trait]
impl Wire for Line {
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn pass(&self, _request: &'static str, _about: String) -> Passage {
        self.step().await;
        let passage = self.passage();
        if passage.is_answered() {
            self.lag().await;
        } else {
            sleep(UNANSWERED).await;
        }
        passage
    }

    async fn passed(&self) {
        self.step().await;
    }

    async fn deliver(&self, _stream: &'static str, _about: String) {
        self.lag().await;
        self.step().await;
    }
}

/// The feeds at the other end of a line.
pub(super) struct LinedFeeds {
    pub(super) line: Line,
    pub(super) feeds: MemoryFeeds,
}

impl LinedFeeds {
    async fn ask<T>(
        &self,
        action: &'static str,
        answer: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let passage = self.line.pass(action, String::new()).await;
        // What never arrives changes nothing; the rest does, whether or not its sender hears of it.
        let answer = if passage == Passage::Lost {
            None
        } else {
            Some(answer.await)
        };
        self.line.passed().await;
        answer.filter(|_| passage.is_answered()).unwrap_or_else(|| {
            Err(JournalError::Unavailable {
                action,
                detail: format!("{passage:?}"),
            })
        })
    }
}

#[async_trait]
impl Feeds for LinedFeeds {
    async fn take(&self, id: &FeedId, filter: &EventFilter, after: Sequence) -> Result<Feed, JournalError> {
        let feed = self
            .ask("be taken from", self.feeds.take(id, filter, after))
            .await?;
        let line = self.line.clone();
        let lined = futures::stream::unfold((feed, line), |(mut feed, line)| async {
            let handed = feed.next().await?;
            line.step().await;
            let ends = line.goes_wrong(|climate| climate.ends);
            (!ends).then_some((handed, (feed, line)))
        });
        Ok(lined.boxed())
    }

    async fn forget(&self, id: &FeedId) -> Result<(), JournalError> {
        self.ask("forget", self.feeds.forget(id)).await
    }

    async fn all(&self) -> Result<Vec<FeedId>, JournalError> {
        self.ask("list", self.feeds.all()).await
    }
}

/// The target at the other end of a line.
pub(super) struct LinedTarget {
    pub(super) line: Line,
    pub(super) book: Arc<Book>,
}

/// What becomes of a post.
#[derive(Debug, Clone, Copy)]
enum Fares {
    Well,
    Refused,
    Later(u64),
    /// It is taken, but the answer is lost.
    Unanswered,
    /// It is not even read.
    HungUp,
}

impl LinedTarget {
    fn fares(&self, posting: &Posting) -> Fares {
        if self.book.refuses(posting) {
            return Fares::Refused;
        }
        if !self.line.goes_wrong(|climate| climate.fails) {
            return Fares::Well;
        }
        let mut fate = self.line.fate.lock().unwrap();
        let seconds = fate.random.u64(0..600);
        let ways = [
            Fares::Refused,
            Fares::Later(seconds),
            Fares::Unanswered,
            Fares::HungUp,
        ];
        ways[fate.random.usize(0..ways.len())]
    }

    async fn take(&self, posting: Posting) -> Result<(), Failure> {
        self.line.step().await;
        self.line.lag().await;
        let fares = self.fares(&posting);
        if matches!(fares, Fares::Well | Fares::Unanswered) {
            self.book.arrives(&posting);
        }
        self.line.step().await;
        match fares {
            Fares::Well => Ok(()),
            Fares::Refused => Err(Failure::Status(hyper::StatusCode::BAD_REQUEST)),
            Fares::Later(seconds) => Err(Failure::Later(
                hyper::StatusCode::SERVICE_UNAVAILABLE,
                Duration::from_secs(seconds),
            )),
            Fares::Unanswered => Err(Failure::Slow),
            Fares::HungUp => Err(Failure::Unreachable("it hung up".to_owned())),
        }
    }
}

impl Post for LinedTarget {
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<(), Failure>> {
        self.take(posting).boxed()
    }
}
