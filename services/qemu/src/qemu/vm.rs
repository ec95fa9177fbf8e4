//! A machine that exists in QEMU.

use super::{ram, statefile};
use crate::{
    machine::Fault,
    qmp::{Command, Qmp, QmpError},
    snapshot, version,
};
use std::{fs::File, io, sync::Arc};

/// Bytes of memory that QEMU touches per command. Each page may be a fault that a pager answers, and while they last
/// QEMU does nothing else.
const TOUCHED: u64 = 16 << 20;

/// A QEMU that has been built, running or paused.
#[derive(Debug)]
pub(crate) struct Vm {
    qmp: Qmp,
    memory: Arc<File>,
    /// Whether pages that are not there are somewhere else, rather than zeros.
    lazy: bool,
    /// Device state since the vCPUs stopped: QEMU saves it only once.
    state: Option<Arc<[u8]>>,
}

impl Vm {
    pub(super) fn new(qmp: Qmp, memory: impl Into<Arc<File>>, lazy: bool) -> Self {
        Self {
            qmp,
            memory: memory.into(),
            lazy,
            state: None,
        }
    }

    /// Gives QEMU a command that answers nothing.
    pub(crate) async fn execute(&mut self, command: Command) -> Result<(), Fault> {
        if command == Command::Continue {
            self.state = None;
        }
        self.qmp
            .execute(command)
            .await
            .map(drop)
            .map_err(|error| refused(&error))
    }

    /// The version of the engine this machine runs in.
    pub(crate) fn engine(&self) -> String {
        version::with_qemu(self.qmp.version())
    }

    /// Guest memory, as far as it is there.
    pub(crate) fn memory(&self) -> Arc<File> {
        Arc::clone(&self.memory)
    }

    /// State of the CPUs and devices of the paused machine.
    pub(crate) async fn state(&mut self) -> Result<Arc<[u8]>, Fault> {
        if let Some(state) = &self.state {
            return Ok(Arc::clone(state));
        }
        let file = statefile::empty().map_err(|error| unsaved(&error))?;
        self.qmp.save(&file).await.map_err(|error| refused(&error))?;
        let state: Arc<[u8]> = statefile::contents(&file)
            .map_err(|error| unsaved(&error))?
            .into();
        self.state = Some(Arc::clone(&state));
        Ok(state)
    }

    /// Fetches what is still somewhere else, so that all of the memory is there. What the guest cannot see because its
    /// firmware lies over it was never there.
    pub(crate) async fn fetch(&mut self) -> Result<(), Fault> {
        if !self.lazy {
            return Ok(());
        }
        let bytes = self.memory.metadata().map_err(|error| unsaved(&error))?.len();
        for hole in snapshot::holes(&self.memory, bytes).map_err(|error| unsaved(&error))? {
            for piece in ram::addresses(hole, TOUCHED) {
                let touch = Command::Touch {
                    address: piece.start,
                    bytes: piece.end - piece.start,
                };
                self.execute(touch).await?;
            }
        }
        self.lazy = false;
        Ok(())
    }
}

fn refused(error: &QmpError) -> Fault {
    Fault::Qmp {
        reason: error.to_string(),
    }
}

fn unsaved(error: &io::Error) -> Fault {
    Fault::Qmp {
        reason: format!("its state cannot be read: {error}"),
    }
}
