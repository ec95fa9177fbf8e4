//! Pagers: one `roost-pager` beside each engine that was restored, which outlives this host like the engine does.
//!
//! ```text
//!   <run>/engines/<sandbox>.<generation>/   pager.json  pager.log  root ─▶ uffd.sock
//!                                      └─ pager/   pager.sock  working-set     its own, as nothing else is
//! ```

mod ask;
mod launch;
mod publish;
mod record;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roost_engine::{AdoptError, Exit, Process, ProcessId, file_tail, find_process};
use roost_runtime::port::Fault;
use tokio::sync::Mutex;

pub(super) use ask::AskError;
pub(super) use launch::Launch;
use record::Record;

/// The oldest page fault that a pager may leave unanswered: what a file on a busy disk takes at most.
pub(super) const MAX_FAULT: Duration = Duration::from_secs(5);

/// Bytes of the log's end that are quoted.
const LAST_WORDS: u64 = 2048;

/// A pager. Clones are of the same; dropping them all leaves it running.
#[derive(Debug, Clone)]
pub(super) struct Pager {
    record: Arc<Record>,
    process: Process,
    /// Held by whoever asks it something: the next question waits for the answer, and is not kept waiting by it.
    asking: Arc<Mutex<()>>,
}

/// What there is of the pager of one engine.
#[derive(Debug)]
pub(super) enum Found {
    /// There never was one.
    None,
    /// It runs.
    Running(Pager),
    /// It has ended; these are its last words.
    Gone(String),
}

impl Pager {
    fn new(record: Record, process: Process) -> Self {
        Self {
            record: Arc::new(record),
            process,
            asking: Arc::default(),
        }
    }

    /// The pager, of `program`, that is recorded in `folder`.
    pub(super) fn adopt(program: &Path, folder: &Path) -> Result<Found, Fault> {
        const STEP: &str = "look for the pager";
        let record = match Record::read(folder) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Found::None),
            // Another release's, perhaps: the pager's command line tells of it as well.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(%error, "a pager's record makes no sense; it is looked for without");
                let Some(process) = Self::find_orphan(program, folder)? else {
                    return Ok(Found::Gone(error.to_string()));
                };
                let record = Record::of(process.identity().clone(), folder);
                record.write(folder).map_err(|error| Fault::of(STEP, &error))?;
                return Ok(Found::Running(Self::new(record, process)));
            }
            Err(error) => return Err(Fault::of(STEP, &error)),
        };
        match Process::adopt("the pager", &record.process) {
            Ok(process) => Ok(Found::Running(Self::new(record, process))),
            Err(error @ AdoptError::Io { .. }) => Err(Fault::of(STEP, &error)),
            Err(_) => Ok(Found::Gone(record.last_words())),
        }
    }

    /// The pager of `folder` that a host started and was killed before it could write it down.
    pub(super) fn find_orphan(program: &Path, folder: &Path) -> Result<Option<Process>, Fault> {
        let control = launch::control_socket(folder);
        let found = find_process(|words| launch::is_ours(words, program, &control));
        found.map_err(|error| Fault::of("look for the pager", &error))
    }

    /// Waits for its end.
    pub(super) async fn wait(&self) -> Exit {
        self.process.wait().await
    }

    /// Whether it has ended because its engine had: only then it takes its socket away.
    pub(super) fn has_taken_leave(&self) -> bool {
        matches!(
            fs::symlink_metadata(&self.record.control),
            Err(error) if error.kind() == io::ErrorKind::NotFound
        )
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        self.record.last_words()
    }

    /// Ends it. To be done after its engine has ended, which it would take with it.
    pub(super) async fn stop(&self) -> Result<(), Fault> {
        end(&self.process).await
    }
}

/// Kills a pager that is known by its process alone.
pub(super) async fn end(process: &Process) -> Result<(), Fault> {
    let ended = process.end().await;
    ended
        .map(drop)
        .map_err(|error| Fault::of("kill the pager", &error))
}

impl Record {
    fn of(process: ProcessId, folder: &Path) -> Self {
        Self {
            process,
            control: launch::control_socket(folder),
            log: launch::log(folder),
            working_set: None,
        }
    }

    fn last_words(&self) -> String {
        file_tail(&self.log, LAST_WORDS)
    }
}
