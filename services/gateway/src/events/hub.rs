//! The hub: the one reader of the log behind all that is told as it happens.
//!
//! ```text
//!   follow ─▶ gather, a few ms when much comes ─▶ wait for the fleet ─▶ frames ─▶ lanes, whose readers wake
//! ```
//!
//! The fleet comes first: what a stream has told, reads show, and a key that was revoked is known to be. A lane is there as
//! long as somebody reads it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use roost_journal::port::{Journal, JournalError, Record, Records};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::subject::EventFilter;
use roost_schemas::{Sequence, TenantId};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::batch::Batch;
use super::frame::frames;
use super::lane::Lane;
use crate::error::{ApiError, Code};
use crate::state::Ports;

/// Commits that are told together.
const GATHER: usize = 512;
/// The time between two tellings when much comes: readers are woken, and written to, no more often.
const PACE: Duration = Duration::from_millis(5);
/// The pause before the log is asked again.
const RETRY: Duration = Duration::from_millis(500);
/// How long the fleet is waited for at a time.
const FLEET_LOOK: Duration = Duration::from_secs(5);

/// Whose lane it is; everybody's if nobody is named.
pub(crate) type Whose = Option<TenantId>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hub {
    shared: Arc<Shared>,
    /// Ends the reading.
    _gone: DropGuard,
}

#[derive(Debug)]
struct Shared {
    lanes: Mutex<HashMap<Whose, Weak<Lane>>>,
    /// Everything up to here is in the lanes.
    position: AtomicU64,
    /// Why nothing is told any more.
    broken: Mutex<Option<String>>,
    ended: CancellationToken,
    room: Room,
}

/// Bytes that lanes hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// One of them, at most.
    pub(crate) lane: usize,
    /// All of them together, as far as each still has some.
    pub(crate) all: usize,
}

/// What one lane has even if there are very many.
const LEAST_ROOM: usize = 256 << 10;

impl Hub {
    /// One that tells what comes from now on.
    pub(crate) async fn start(ports: &Ports, room: Room) -> Result<Self, ApiError> {
        let head = ports.journal.head().await?;
        let shared = Arc::new(Shared {
            lanes: Mutex::default(),
            position: AtomicU64::new(head.0),
            broken: Mutex::default(),
            ended: CancellationToken::new(),
            room,
        });
        let runner = Runner {
            journal: Arc::clone(&ports.journal),
            fleet: ports.fleet.clone(),
            shared: Arc::clone(&shared),
        };
        let gone = CancellationToken::new();
        tokio::spawn(gone.clone().run_until_cancelled_owned(runner.run(head)));
        Ok(Self {
            shared,
            _gone: gone.drop_guard(),
        })
    }

    /// The lane of `whose`, made if nobody reads it yet.
    pub(super) fn lane(&self, whose: &Whose) -> Arc<Lane> {
        let mut lanes = self.shared.lanes();
        if let Some(lane) = lanes.get(whose).and_then(Weak::upgrade) {
            return lane;
        }
        let lane = Arc::new(Lane::new(self.position()));
        lanes.insert(whose.clone(), Arc::downgrade(&lane));
        lane
    }

    /// Up to where everything is in the lanes.
    pub(super) fn position(&self) -> Sequence {
        Sequence(self.shared.position.load(Ordering::Acquire))
    }

    /// Waits until nothing will be told any more, and says why.
    pub(super) async fn broken(&self) -> ApiError {
        self.shared.ended.cancelled().await;
        let why = self.shared.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let why = why.as_deref().unwrap_or("it has ended");
        ApiError::new(
            Code::Unavailable,
            format!("this gateway tells no more events: {why}"),
        )
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, HashMap<Whose, Weak<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `records` into the lanes that are read. Lanes that are made meanwhile wait: they begin behind them.
    fn tell(&self, records: &[Record], last: Sequence) {
        let mut lanes = self.lanes();
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let room = (self.room.all / lanes.len().max(1)).clamp(LEAST_ROOM.min(self.room.lane), self.room.lane);
        for (whose, lane) in &*lanes {
            let Some(lane) = lane.upgrade() else { continue };
            let of = |record: &&Record| {
                whose
                    .as_ref()
                    .is_none_or(|tenant| record.subject.tenant == *tenant)
            };
            let told: Vec<_> = records.iter().filter(of).map(frames).collect();
            if !told.is_empty() {
                lane.push(Batch::new(told), room);
            }
        }
        self.position.store(last.0, Ordering::Release);
    }
}

/// What keeps the lanes fed.
struct Runner {
    journal: Arc<dyn Journal>,
    fleet: FleetHandle,
    shared: Arc<Shared>,
}

impl Runner {
    async fn run(self, from: Sequence) {
        let why = self.follow(from).await;
        tracing::error!(why, "events are not told any more");
        let broken = &self.shared.broken;
        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.shared.ended.cancel();
    }

    /// Tells what comes after `from`, until it says why it cannot go on.
    async fn follow(&self, from: Sequence) -> String {
        let mut records = loop {
            match self.journal.follow(&EventFilter::All, from).await {
                Ok(records) => break records,
                Err(error @ JournalError::Unavailable { .. }) => {
                    tracing::warn!(%error, "events cannot be told yet");
                    sleep(RETRY).await;
                }
                Err(error) => return error.to_string(),
            }
        };
        let mut next = Instant::now();
        loop {
            let gathered = match gather(&mut records, next).await {
                Ok(gathered) => gathered,
                Err(error) => return error.to_string(),
            };
            next = Instant::now() + PACE;
            let Gathered { records, last } = gathered;
            while !self.fleet.wait_for(last, FLEET_LOOK).await {
                if let Some(alarm) = self.fleet.alarm() {
                    return alarm.to_string();
                }
            }
            self.shared.tell(&records, last);
        }
    }
}

/// Commits that came, and up to where.
struct Gathered {
    records: Vec<Record>,
    last: Sequence,
}

/// The next commit, and what comes with it until `until`.
async fn gather(records: &mut Records, until: Instant) -> Result<Gathered, JournalError> {
    let mut gathered = Gathered {
        records: Vec::new(),
        last: Sequence(0),
    };
    let first = records.next().await;
    gathered.take(first)?;
    while gathered.records.len() < GATHER {
        match records.next().now_or_never() {
            Some(item) => gathered.take(item)?,
            None if Instant::now() >= until => break,
            None => tokio::select! {
                item = records.next() => gathered.take(item)?,
                () = sleep_until(until) => break,
            },
        }
    }
    Ok(gathered)
}

impl Gathered {
    fn take(&mut self, item: Option<Result<Record, JournalError>>) -> Result<(), JournalError> {
        match item {
            Some(Ok(record)) => {
                self.last = record.sequence;
                self.records.push(record);
            }
            Some(Err(JournalError::Foreign(foreign))) => {
                tracing::warn!(%foreign, "nobody is told of it");
                self.last = foreign.sequence;
            }
            Some(Err(error)) => return Err(error),
            None => {
                return Err(JournalError::Unavailable {
                    action: "go on being followed",
                    detail: "its records ended".to_owned(),
                });
            }
        }
        Ok(())
    }
}
