//! The ports in process, with JetStream's semantics: for the simulator and for tests of what stands on the ports.
//!
//! There are no tasks and no files: an idle log costs its records. Time is tokio's, so that a test may pause it.
//! [`MemoryJournal::inject`] loses messages on demand.

mod feeds;
mod journal;
mod leases;
mod output;
mod queue;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use roost_schemas::Timestamp;

pub use feeds::MemoryFeeds;
pub use journal::{Fault, MemoryJournal};
pub use leases::MemoryLeases;
pub use output::MemoryOutput;
pub use queue::MemoryQueue;
pub use wire::{Passage, Wire, WiredJournal};

/// The bounds to keep, and the clock to stamp with.
#[derive(Clone)]
pub struct Options {
    /// How long command ids are recognised, as the server does.
    pub duplicate_window: Duration,
    /// How long an operation is tried altogether before it fails as unavailable.
    pub patience: Duration,
    /// How long a consumer may hold a command without a sign of life before it is delivered again.
    pub lease: Duration,
    /// Frames of output beyond which the oldest is dropped.
    pub output_frames: usize,
    /// What time it is; a simulator brings its own.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            duplicate_window: Duration::from_mins(2),
            patience: Duration::from_secs(15),
            lease: Duration::from_secs(30),
            output_frames: 4096,
            clock: Arc::new(Timestamp::now),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("duplicate_window", &self.duplicate_window)
            .finish_non_exhaustive()
    }
}

/// A log of its own; clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    journal: MemoryJournal,
    feeds: MemoryFeeds,
    queue: MemoryQueue,
    output: MemoryOutput,
    leases: MemoryLeases,
}

impl Memory {
    /// An empty one.
    pub fn new(options: &Options) -> Self {
        let journal = MemoryJournal::new(options);
        Self {
            feeds: MemoryFeeds::new(journal.clone()),
            journal,
            queue: MemoryQueue::new(options),
            output: MemoryOutput::new(options),
            leases: MemoryLeases::default(),
        }
    }

    /// The event log.
    pub fn journal(&self) -> MemoryJournal {
        self.journal.clone()
    }

    /// The command queue.
    pub fn queue(&self) -> MemoryQueue {
        self.queue.clone()
    }

    /// The output of processes.
    pub fn output(&self) -> MemoryOutput {
        self.output.clone()
    }

    /// The feeds of the event log.
    pub fn feeds(&self) -> MemoryFeeds {
        self.feeds.clone()
    }

    /// The leases of hosts.
    pub fn leases(&self) -> MemoryLeases {
        self.leases.clone()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(&Options::default())
    }
}

/// The lock of `mutex`. Nothing here panics while it holds one, so a poisoned lock guards sound data.
fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Remembers keys for a while.
#[derive(Debug)]
struct Recent<K, V> {
    window: Duration,
    seen: std::collections::HashMap<K, V>,
    order: std::collections::VecDeque<(tokio::time::Instant, K)>,
}

impl<K: Clone + Eq + std::hash::Hash, V: Copy> Recent<K, V> {
    fn new(window: Duration) -> Self {
        Self {
            window,
            seen: std::collections::HashMap::new(),
            order: std::collections::VecDeque::new(),
        }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        let now = tokio::time::Instant::now();
        while self.order.front().is_some_and(|(at, _)| *at + self.window <= now) {
            if let Some((_, old)) = self.order.pop_front() {
                self.seen.remove(&old);
            }
        }
        self.seen.get(key).copied()
    }

    fn insert(&mut self, key: K, value: V) {
        self.order.push_back((tokio::time::Instant::now(), key.clone()));
        self.seen.insert(key, value);
    }
}
