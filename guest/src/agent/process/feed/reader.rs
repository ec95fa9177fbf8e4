//! One reader of a feed.

use std::sync::Arc;

use bytes::Bytes;
use connectrpc::ConnectError;
use roost_schemas::envd::process::process_event::EndEvent;
use roost_schemas::output::Channel;
use thiserror::Error;
use tokio::time::Instant;

use super::{Feed, Place};
use crate::agent::process::counts::Counts;
use crate::agent::process::ring::Piece;

/// Most bytes of one item: a line of JSON with its base64 still fits the buffers on the way.
const CHUNK: usize = 32 << 10;

/// Readers one process may have: a few people watching, and clients that broke off and were not noticed yet.
const READERS: usize = 32;

/// What a reader gets.
#[derive(Debug, PartialEq)]
pub(in crate::agent::process) enum Item {
    /// Output.
    Data(Channel, Bytes),
    /// So much is missing here.
    Gap(Counts),
    /// The end; nothing follows.
    End(EndEvent),
}

/// A process has enough readers.
#[derive(Debug, Error)]
#[error("{READERS} clients follow this process already, which is as many as may")]
pub(in crate::agent::process) struct TooManyReaders;

impl From<TooManyReaders> for ConnectError {
    fn from(error: TooManyReaders) -> Self {
        Self::resource_exhausted(error.to_string())
    }
}

/// See the module. Dropping it takes it out of the way.
#[derive(Debug)]
pub(in crate::agent::process) struct Reader {
    feed: Arc<Feed>,
    key: u64,
    ended: bool,
}

impl Reader {
    pub(super) fn new(feed: &Arc<Feed>) -> Result<Self, TooManyReaders> {
        let mut state = feed.state();
        if state.readers.len() >= READERS {
            return Err(TooManyReaders);
        }
        state.last_reader += 1;
        let key = state.last_reader;
        let place = Place {
            position: Counts::default(),
            moved: Instant::now(),
            passed_over: false,
        };
        state.readers.insert(key, place);
        drop(state);
        Ok(Self {
            feed: Arc::clone(feed),
            key,
            ended: false,
        })
    }

    /// Waits for the next item; `None` after the end. Dropping the future loses nothing.
    pub(in crate::agent::process) async fn next(&mut self) -> Option<Item> {
        while !self.ended {
            let news = self.feed.news.notified();
            if let Some(item) = self.take() {
                self.ended = matches!(item, Item::End(_));
                return Some(item);
            }
            news.await;
        }
        None
    }

    fn take(&self) -> Option<Item> {
        let mut state = self.feed.state();
        let state = &mut *state;
        let place = state.readers.get_mut(&self.key)?;
        place.moved = Instant::now();
        place.passed_over = false;
        let item = match state.ring.read(&mut place.position, CHUNK) {
            Some(Piece::Data(channel, bytes)) => Item::Data(channel, bytes),
            Some(Piece::Gap(gap)) => Item::Gap(gap),
            None => return state.end.clone().map(Item::End),
        };
        self.feed.room.notify_waiters();
        Some(item)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feed.state().readers.remove(&self.key);
        self.feed.room.notify_waiters();
    }
}
