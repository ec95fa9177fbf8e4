//! Watchers for clients that cannot hold a stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connectrpc::ConnectError;
use roost_schemas::envd::filesystem::FilesystemEvent;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::queue::Queue;
use super::{Limit, WatchError, Watcher, Wish};

/// A watcher that nobody asked for so long is ended: its client is gone.
const EXPIRY: Duration = Duration::from_mins(10);

/// All of them, by id; clones share everything.
#[derive(Debug, Clone, Default)]
pub(in crate::agent::filesystem) struct Polls(Arc<Mutex<HashMap<String, Poll>>>);

#[derive(Debug)]
struct Poll {
    queue: Queue,
    asked: Instant,
    task: AbortHandle,
}

impl Polls {
    /// Starts a watcher and returns its id.
    pub(in crate::agent::filesystem) async fn create(
        &self,
        wish: Wish,
        limit: &Limit,
    ) -> Result<String, WatchError> {
        let watcher = Watcher::start(wish, limit).await?;
        let id = format!("w{}", Uuid::new_v4().simple());
        let mut polls = self.lock();
        let task = tokio::spawn(self.clone().follow(id.clone(), watcher)).abort_handle();
        polls.insert(
            id.clone(),
            Poll {
                queue: Queue::default(),
                asked: Instant::now(),
                task,
            },
        );
        Ok(id)
    }

    /// Takes what has happened since the last call.
    pub(in crate::agent::filesystem) fn take(&self, id: &str) -> Result<Vec<FilesystemEvent>, ConnectError> {
        let mut polls = self.lock();
        let poll = polls.get_mut(id).ok_or_else(|| unknown(id))?;
        poll.asked = Instant::now();
        poll.queue.take().map_err(ConnectError::from)
    }

    /// Ends a watcher.
    pub(in crate::agent::filesystem) fn remove(&self, id: &str) -> Result<(), ConnectError> {
        let poll = self.lock().remove(id).ok_or_else(|| unknown(id))?;
        poll.task.abort();
        Ok(())
    }

    /// Brings events to the queue until the watch breaks or nobody asks any more.
    async fn follow(self, id: String, mut watcher: Watcher) {
        while let Some(expiry) = self.expiry(&id) {
            let Ok(next) = timeout_at(expiry, watcher.next()).await else {
                continue;
            };
            let mut polls = self.lock();
            let Some(poll) = polls.get_mut(&id) else { return };
            match next {
                Ok(events) => events.into_iter().for_each(|event| poll.queue.push(event)),
                Err(WatchError::Overflow) => poll.queue.lose(),
                Err(error) => {
                    poll.queue.end(error);
                    break;
                }
            }
        }
        drop(watcher);
        while let Some(expiry) = self.expiry(&id) {
            sleep_until(expiry).await;
        }
    }

    /// When the watcher ends if nobody asks; removes it when that time has come.
    fn expiry(&self, id: &str) -> Option<Instant> {
        let mut polls = self.lock();
        let expiry = polls.get(id)?.asked + EXPIRY;
        if expiry <= Instant::now() {
            polls.remove(id);
            return None;
        }
        Some(expiry)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Poll>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(id: &str) -> ConnectError {
    ConnectError::not_found(format!(
        "watcher {id:?} does not exist: it was removed, or not polled for {} minutes",
        EXPIRY.as_secs() / 60
    ))
}
