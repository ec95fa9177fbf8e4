//! Taking back a process that was started by an earlier life of the host.

use super::{EngineProcess, Process, ProcessId, Record, id, stat};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::io;

/// Why a recorded process could not be adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// No such process any more.
    #[error("{what} (pid {pid}) is gone")]
    Gone {
        /// What was recorded, such as `engine sb1`.
        what: String,
        /// The recorded pid.
        pid: u32,
    },
    /// The pid belongs to another process now: it must not be touched.
    #[error("pid {pid} of {what} is another process now: it started at tick {found}, not at {expected}")]
    Reused {
        /// What was recorded, such as `engine sb1`.
        what: String,
        /// The recorded pid.
        pid: u32,
        /// The recorded start time.
        expected: u64,
        /// Start time of the process that has the pid now.
        found: u64,
    },
    /// The record is from before the last boot of this machine.
    #[error("{what} was started before this machine last booted; nothing of it runs")]
    EarlierBoot {
        /// What was recorded, such as `engine sb1`.
        what: String,
    },
    /// The system refused.
    #[error("cannot take hold of {what} (pid {pid}): {source}")]
    Io {
        /// What was recorded, such as `engine sb1`.
        what: String,
        /// The recorded pid.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
}

impl EngineProcess {
    /// Takes hold of the engine that `record` describes. Must be called inside a tokio runtime.
    pub fn adopt(record: Record) -> Result<Self, AdoptError> {
        let process = Process::adopt(&format!("engine {}", record.id), &record.process)?;
        Ok(Self::new(record, process))
    }
}

impl Process {
    /// Takes hold of the process that was recorded as `identity`; `what` is how errors call it, such as `engine sb1`. Must
    /// be called inside a tokio runtime.
    pub fn adopt(what: &str, identity: &ProcessId) -> Result<Self, AdoptError> {
        let (what, pid) = (what.to_owned(), identity.pid);
        let failed = |source: io::Error| AdoptError::Io {
            what: what.clone(),
            pid,
            source,
        };
        let gone = || AdoptError::Gone {
            what: what.clone(),
            pid,
        };
        if id::boot_id().map_err(failed)? != identity.boot_id {
            return Err(AdoptError::EarlierBoot { what });
        }
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
        // The pidfd comes first: whatever it holds, a start time read afterwards that equals the recorded one can only
        // belong to the same process, since a later holder of the pid would have started later.
        let pidfd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Err(gone()),
            Err(error) => return Err(failed(error.into())),
        };
        let found = match stat::start_time(raw) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(gone()),
            Err(error) => return Err(failed(error)),
        };
        if found != identity.start_time {
            return Err(AdoptError::Reused {
                what,
                pid,
                expected: identity.start_time,
                found,
            });
        }
        Self::hold(identity.clone(), pidfd).map_err(failed)
    }
}
