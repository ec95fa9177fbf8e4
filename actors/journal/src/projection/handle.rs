//! What readers hold of a projection.

use std::sync::{Arc, PoisonError, RwLock};

use roost_schemas::Sequence;
use roost_schemas::codec::Undecodable;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Why a projection stopped for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// A commit does not decode.
    #[error("commit {sequence} on {subject} does not decode: {reason}")]
    Undecodable {
        /// Where it stands.
        sequence: Sequence,
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        reason: Undecodable,
    },
    /// The log holds what is not ours, or ends before what was read from it.
    #[error("{0}")]
    Log(String),
    /// It panicked over a commit.
    #[error("its task panicked")]
    Panicked,
}

/// What a projection is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Following the log.
    Running,
    /// Standing still; what it holds is right up to the applied sequence, and will not change.
    Stopped(Alarm),
    /// Ended by [`ProjectionHandle::stop`].
    Ended,
}

/// Why a projection did not reach a sequence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Waited {
    /// It has not come that far yet.
    #[error("the projection {name} has applied {applied}, not yet {wanted}; try again")]
    Late {
        /// Which.
        name: &'static str,
        /// How far it has come.
        applied: Sequence,
        /// How far it should.
        wanted: Sequence,
    },
    /// It will not come that far.
    #[error("the projection {name} stands still at {applied}: {}", .alarm.as_ref().map_or("it was ended".to_owned(), ToString::to_string))]
    Stopped {
        /// Which.
        name: &'static str,
        /// How far it has come.
        applied: Sequence,
        /// What is wrong; nothing, when it was ended.
        alarm: Option<Alarm>,
    },
}

/// How far it has come, and what it is doing: one value, so that nobody sees one without the other.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) applied: Sequence,
    pub(super) state: State,
}

/// A projection that follows the log as long as a handle of it is held; clones share it.
#[derive(Debug)]
pub struct ProjectionHandle<P> {
    pub(super) name: &'static str,
    pub(super) value: Arc<RwLock<P>>,
    pub(super) progress: watch::Receiver<Progress>,
    /// Closed by the last handle to go; the runner then saves and ends.
    pub(super) task: Arc<Task>,
}

/// The runner's task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) stop: watch::Sender<bool>,
    pub(super) join: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl<P> Clone for ProjectionHandle<P> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            value: self.value.clone(),
            progress: self.progress.clone(),
            task: self.task.clone(),
        }
    }
}

impl<P> ProjectionHandle<P> {
    /// Reads the value. The projection waits meanwhile: copy out what is needed, and no more.
    pub fn read<T>(&self, read: impl FnOnce(&P) -> T) -> T {
        // A panic in `apply` poisons the lock; the runner has stopped then, and readers see what there is.
        read(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last commit that the value includes.
    pub fn applied(&self) -> Sequence {
        self.progress.borrow().applied
    }

    /// Whether it follows the log.
    pub fn state(&self) -> State {
        let state = self.progress.borrow().state.clone();
        // The runner says why it ends, unless it panics.
        let gone = self.progress.has_changed().is_err();
        if gone && state == State::Running {
            State::Stopped(Alarm::Panicked)
        } else {
            state
        }
    }

    /// Waits until the value includes `wanted`, or `deadline` has passed. Give it the log's head to wait for all.
    pub async fn wait_for(&self, wanted: Sequence, deadline: Instant) -> Result<(), Waited> {
        let mut progress = self.progress.clone();
        let reached =
            progress.wait_for(|progress| progress.applied >= wanted || progress.state != State::Running);
        let name = self.name;
        match tokio::time::timeout_at(deadline, reached).await {
            Ok(Ok(progress)) if progress.applied >= wanted => return Ok(()),
            Ok(_) => {}
            Err(_) => {
                return Err(Waited::Late {
                    name,
                    applied: self.applied(),
                    wanted,
                });
            }
        }
        let alarm = match self.state() {
            State::Stopped(alarm) => Some(alarm),
            State::Running | State::Ended => None,
        };
        Err(Waited::Stopped {
            name,
            applied: self.applied(),
            alarm,
        })
    }

    /// Waits until it follows the log no more.
    pub async fn ended(&self) {
        let mut progress = self.progress.clone();
        // A closed channel means a panic, which is an end too.
        let _ = progress
            .wait_for(|progress| progress.state != State::Running)
            .await;
    }

    /// Saves the checkpoint and ends; returns when that is done. Other handles can still read.
    pub async fn stop(&self) {
        self.task.stop.send_replace(true);
        if let Some(join) = self.task.join.lock().await.take() {
            // A panic of the runner has been reported where it happened.
            let _ = join.await;
        }
    }
}
