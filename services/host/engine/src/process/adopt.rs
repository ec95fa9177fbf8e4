//! Taking back an engine that was launched by an earlier life of the host.

use super::{EngineProcess, Record, id, stat};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::io;

/// Why a recorded engine could not be adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// No such process any more.
    #[error("engine {id} (pid {pid}) is gone")]
    Gone {
        /// Id of the engine.
        id: String,
        /// The recorded pid.
        pid: u32,
    },
    /// The pid belongs to another process now: it must not be touched.
    #[error(
        "pid {pid} of engine {id} is another process now: it started at tick {found}, the engine at {expected}"
    )]
    Reused {
        /// Id of the engine.
        id: String,
        /// The recorded pid.
        pid: u32,
        /// The recorded start time.
        expected: u64,
        /// Start time of the process that has the pid now.
        found: u64,
    },
    /// The record is from before the last boot of this machine.
    #[error("engine {id} was started before this machine last booted; nothing of it runs")]
    EarlierBoot {
        /// Id of the engine.
        id: String,
    },
    /// The system refused.
    #[error("cannot take hold of engine {id} (pid {pid}): {source}")]
    Io {
        /// Id of the engine.
        id: String,
        /// The recorded pid.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
}

impl EngineProcess {
    /// Takes hold of the engine that `record` describes. Must be called inside a tokio runtime.
    pub fn adopt(record: Record) -> Result<Self, AdoptError> {
        let (id, pid) = (record.id.clone(), record.process.pid);
        let failed = |source: io::Error| AdoptError::Io {
            id: id.clone(),
            pid,
            source,
        };
        let gone = || AdoptError::Gone { id: id.clone(), pid };
        if id::boot_id().map_err(failed)? != record.process.boot_id {
            return Err(AdoptError::EarlierBoot { id });
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
        if found != record.process.start_time {
            return Err(AdoptError::Reused {
                id,
                pid,
                expected: record.process.start_time,
                found,
            });
        }
        Self::hold(record, pidfd).map_err(failed)
    }
}
