//! The task that keeps a projection up to date.
//!
//! Stopping is looked at only between steps: a save that was begun is ended, because a newer one must not meet it.

use std::sync::{Arc, PoisonError, RwLock};

use futures::{FutureExt, StreamExt};
use roost_schemas::Sequence;
use roost_schemas::subject::EventFilter;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval_at};

use super::handle::{Alarm, Progress, ProjectionHandle, State, Task};
use super::saver::{self, Restored, Saver};
use super::{Pace, Projection, seen};
use crate::checkpoint::{Checkpoint, CheckpointError, Seen};
use crate::pause::Pause;
use crate::port::{Journal, JournalError, Record, Records};

/// Commits applied under one lock: enough that locks and wake-ups cost nothing, so few that readers wait a moment.
const BATCH: u64 = 256;

/// Restores a projection and lets it follow the log.
///
/// It returns once the checkpoint is loaded; [`ProjectionHandle::wait_for`] tells when the log has been replayed.
pub async fn start<P: Projection>(
    journal: Arc<dyn Journal>,
    checkpoint: Option<Arc<dyn Checkpoint>>,
    pace: Pace,
) -> ProjectionHandle<P> {
    let Restored {
        saver,
        value,
        applied,
        seen,
    } = match checkpoint {
        Some(checkpoint) => saver::restore::<P>(checkpoint, pace).await,
        None => Restored::default(),
    };
    let value = Arc::new(RwLock::new(value));
    let (sender, progress) = watch::channel(Progress {
        applied,
        state: State::Running,
    });
    let (stop, stopped) = watch::channel(false);
    let tick = interval_at(Instant::now() + pace.every, pace.every);
    let runner = Runner {
        journal,
        value: value.clone(),
        progress: sender,
        saver,
        seen,
        last: None,
        stopped,
        tick,
    };
    let join = tokio::spawn(runner.run(applied));
    let task = Arc::new(Task {
        stop,
        join: tokio::sync::Mutex::new(Some(join)),
    });
    ProjectionHandle {
        name: P::NAME,
        value,
        progress,
        task,
    }
}

struct Runner<P> {
    journal: Arc<dyn Journal>,
    value: Arc<RwLock<P>>,
    progress: watch::Sender<Progress>,
    saver: Option<Saver>,
    /// What an earlier run has seen in the log.
    seen: Option<Seen>,
    /// The last commit that was applied in this run.
    last: Option<Record>,
    /// True when it shall end; closed when the last handle is gone.
    stopped: watch::Receiver<bool>,
    /// When to save. One timer for good: making one for every wait would cost more than the fold.
    tick: Interval,
}

/// What comes next.
enum Next {
    Apply(Result<Record, JournalError>),
    Save,
    Stop,
}

impl<P: Projection> Runner<P> {
    async fn run(mut self, from: Sequence) {
        let end = match self.follow(from).await {
            Ok(()) => State::Ended,
            Err(alarm) => {
                let applied = self.progress.borrow().applied;
                tracing::error!(projection = P::NAME, %applied, %alarm, "a projection has stopped");
                State::Stopped(alarm)
            }
        };
        self.progress.send_modify(|progress| progress.state = end);
        self.save_last().await;
    }

    async fn follow(&mut self, from: Sequence) -> Result<(), Alarm> {
        let mut stopped = self.stopped.clone();
        let mut records = tokio::select! {
            biased;
            records = self.open(from) => records?,
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
        };
        loop {
            match self.next(&mut records).await {
                Next::Apply(first) => self.apply(first, &mut records)?,
                Next::Save => self.save().await,
                Next::Stop => return Ok(()),
            }
        }
    }

    /// The commits after `from`, once the log can be read and is the one that was read before.
    async fn open(&self, from: Sequence) -> Result<Records, Alarm> {
        let mut pause = Pause::new();
        loop {
            match self.try_open(from).await {
                Ok(records) => return Ok(records),
                Err(error @ JournalError::Unavailable { .. }) => {
                    tracing::warn!(projection = P::NAME, %error, "the log cannot be followed yet");
                    pause.wait().await;
                }
                Err(error) => return Err(Alarm::Log(error.to_string())),
            }
        }
    }

    async fn try_open(&self, from: Sequence) -> Result<Records, JournalError> {
        if let Some(seen) = &self.seen {
            seen::confirm(&*self.journal, seen).await?;
        }
        self.journal.follow(&EventFilter::All, from).await
    }

    async fn next(&mut self, records: &mut Records) -> Next {
        if self.saver.as_ref().is_some_and(Saver::is_due) {
            return Next::Save;
        }
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stop| *stop) => Next::Stop,
            first = records.next() => Next::Apply(first.unwrap_or_else(|| Err(ended()))),
            _ = self.tick.tick(), if self.saver.is_some() => Next::Save,
        }
    }

    /// Applies `first` and what has come behind it, under one lock.
    fn apply(&mut self, first: Result<Record, JournalError>, records: &mut Records) -> Result<(), Alarm> {
        let mut value = self.value.write().unwrap_or_else(PoisonError::into_inner);
        let mut applied = None;
        let mut count = 0;
        let mut next = Some(first);
        let outcome = loop {
            let Some(item) = next else { break Ok(()) };
            match apply_one(&mut *value, item) {
                Ok(Applied::Commit(record)) => {
                    applied = Some(record.sequence);
                    self.last = Some(record);
                }
                Ok(Applied::Passed(sequence)) => applied = Some(sequence),
                Err(alarm) => break Err(alarm),
            }
            count += 1;
            next = if count < BATCH {
                records.next().now_or_never().flatten()
            } else {
                None
            };
        };
        drop(value);
        if let Some(applied) = applied {
            self.progress.send_modify(|progress| progress.applied = applied);
            if let Some(saver) = &mut self.saver {
                saver.note(count);
            }
        }
        outcome
    }

    /// Begins to save what has changed, if there is a checkpoint and it works.
    async fn save(&mut self) {
        let (Some(saver), Some(last)) = (&mut self.saver, &self.last) else {
            return;
        };
        let seen = || Seen {
            sequence: last.sequence,
            digest: last.digest(),
        };
        let drain = || {
            self.value
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .drain_changes()
        };
        if let Err(error) = saver.begin(seen, drain).await {
            self.give_up_saving(&error);
        }
    }

    /// Saves all that there is, and waits for it.
    async fn save_last(&mut self) {
        self.settle().await;
        self.save().await;
        self.settle().await;
    }

    /// Waits for the save that is under way.
    async fn settle(&mut self) {
        let Some(saver) = &mut self.saver else { return };
        if let Err(error) = saver.finish().await {
            self.give_up_saving(&error);
        }
    }

    /// What a failed save was to hold is missing from the checkpoint, so nothing may be saved on top.
    fn give_up_saving(&mut self, error: &CheckpointError) {
        tracing::warn!(projection = P::NAME, %error, "no more checkpoints; the next start folds from an older one");
        self.saver = None;
    }
}

/// What became of an item of the log.
enum Applied {
    Commit(Record),
    /// It is no commit of ours, and the projection goes on without it.
    Passed(Sequence),
}

fn apply_one<P: Projection>(value: &mut P, item: Result<Record, JournalError>) -> Result<Applied, Alarm> {
    let record = match item {
        Ok(record) => record,
        Err(JournalError::Foreign(foreign)) => {
            return if value.pass(&foreign) {
                Ok(Applied::Passed(foreign.sequence))
            } else {
                Err(Alarm::Log(foreign.to_string()))
            };
        }
        Err(error) => return Err(Alarm::Log(error.to_string())),
    };
    match value.apply(&record) {
        Ok(()) => Ok(Applied::Commit(record)),
        Err(reason) => Err(Alarm::Undecodable {
            sequence: record.sequence,
            subject: record.subject.to_string(),
            reason,
        }),
    }
}

/// A journal's records do not end without an error; one that does would leave the projection waiting for nothing.
pub(super) fn ended() -> JournalError {
    JournalError::Unavailable {
        action: "go on being followed",
        detail: "its records ended".to_owned(),
    }
}
