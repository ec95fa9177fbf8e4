//! The output of one process, for any number of readers, and its end.
//!
//! ```text
//!             ┌─ ring ─────────┐   reader (Start)       position
//! write ─────▶│ latest output  │── reader (Connect)     position
//!   waits     └────────────────┘   …
//! ```
//!
//! A full ring makes the writer wait for the slowest reader. A reader that takes nothing for [`PATIENCE`] is passed over:
//! it loses what must be given up, and learns how much that was when it reads on. Without readers nobody waits.

mod reader;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roost_schemas::envd::process::process_event::EndEvent;
use roost_schemas::output::Channel;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::budget::Share;
use super::counts::Counts;
use super::ring::Ring;

use reader::TooManyReaders;
pub(super) use reader::{Item, Reader};

/// A reader that stands still for so long holds nobody up any more. Long enough for a client on a bad line, short
/// enough that a program does not seem to hang because a terminal somewhere was put to sleep.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Feed {
    share: Share,
    state: Mutex<State>,
    /// There is something new to read.
    news: Notify,
    /// A reader moved on or went away.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    ring: Ring,
    readers: HashMap<u64, Place>,
    last_reader: u64,
    end: Option<EndEvent>,
}

/// Where a reader is.
#[derive(Debug)]
struct Place {
    position: Counts,
    moved: Instant,
    passed_over: bool,
}

impl Feed {
    /// An empty feed.
    pub(super) fn new(share: Share) -> Arc<Self> {
        Arc::new(Self {
            share,
            state: Mutex::default(),
            news: Notify::new(),
            room: Notify::new(),
        })
    }

    /// A reader of all that is held and all that comes.
    pub(super) fn read(self: &Arc<Self>) -> Result<Reader, TooManyReaders> {
        Reader::new(self)
    }

    /// Puts in what the process wrote, as soon as the readers let it.
    pub(super) async fn write(&self, channel: Channel, mut data: &[u8]) {
        let since = Instant::now();
        while !data.is_empty() {
            // Before looking: a reader that moves in between is not missed.
            let room = self.room.notified();
            let attempt = self.state().write(self.share.bytes(), since, channel, data);
            match attempt {
                Ok(written) => {
                    data = &data[written..];
                    self.news.notify_waiters();
                }
                Err(patience_ends) => {
                    let _ = timeout_at(patience_ends, room).await;
                }
            }
        }
    }

    /// Gives up output that exceeds the share, as far as no reader waits for it.
    pub(super) fn trim(&self) {
        let mut state = self.state();
        let keep = state.slowest();
        state.ring.shrink(self.share.bytes(), keep);
    }

    /// The process has ended, and this was all.
    pub(super) fn end(&self, event: EndEvent) {
        self.state().end = Some(event);
        self.news.notify_waiters();
    }

    /// Everything that was written.
    pub(super) fn written(&self) -> Counts {
        self.state().ring.written()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Where the slowest reader is that others wait for.
    fn slowest(&self) -> u64 {
        let waited_for = self.readers.values().filter(|place| !place.passed_over);
        waited_for
            .map(|place| place.position.total())
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Puts in what fits, or says until when to wait for a reader. `since` is when the writer came with its data.
    fn write(
        &mut self,
        limit: usize,
        since: Instant,
        channel: Channel,
        data: &[u8],
    ) -> Result<usize, Instant> {
        loop {
            let wanted = limit.saturating_sub(Ring::room_for(data));
            let keep = self.slowest();
            self.ring.shrink(wanted, keep);
            let written = self.ring.push(limit, channel, data);
            if written > 0 {
                return Ok(written);
            }
            let now = Instant::now();
            let oldest = self.ring.oldest_end();
            let mut in_the_way: Vec<&mut Place> = self
                .readers
                .values_mut()
                .filter(|place| !place.passed_over && place.position.total() < oldest)
                .collect();
            let patience_ends = |place: &Place| place.moved.max(since) + PATIENCE;
            for place in &mut in_the_way {
                place.passed_over = patience_ends(place) <= now;
            }
            let waiting = in_the_way.iter().filter(|place| !place.passed_over);
            if let Some(ends) = waiting.map(|place| patience_ends(place)).min() {
                return Err(ends);
            }
        }
    }
}

#[cfg(test)]
mod tests;
