//! `pager.json`: what a restarted host needs to find a pager again.

use std::io;
use std::path::{Path, PathBuf};

use roost_engine::{ProcessId, read_record, write_record};
use serde::{Deserialize, Serialize};

const FILE: &str = "pager.json";

/// A pager as it is written down in its engine's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The process.
    pub(super) process: ProcessId,
    /// Where it can be asked.
    pub(super) control: PathBuf,
    /// Its output.
    pub(super) log: PathBuf,
    /// Where the working set goes that it writes down, if it does.
    #[serde(default)]
    pub(super) working_set: Option<PathBuf>,
}

impl Record {
    /// The record in `folder`, or nothing when there is none.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        read_record(&folder.join(FILE))
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        write_record(&folder.join(FILE), self)
    }
}
