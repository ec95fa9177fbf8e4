//! The VMs of a stack's host as the machine has them: by the records that lie beside each engine.

use std::fs;
use std::path::{Path, PathBuf};

use roost_engine::{ProcessId, read_record};
use roost_schemas::Owner;
use rustix::process::Pid;
use serde::Deserialize;

use crate::stack::Stack;

/// A VM of which at least the engine is there.
#[derive(Debug, Clone)]
pub(super) struct Vm {
    /// Whose it is.
    pub(super) owner: Owner,
    /// Its engine.
    pub(super) engine: Pid,
    /// Who serves its memory, if it was restored.
    pub(super) pager: Option<Pid>,
    /// Whether the engine is stopped, and so runs nothing.
    pub(super) stopped: bool,
}

/// Where to look: the host's folder for what runs.
#[derive(Debug, Clone)]
pub(super) struct Vms(PathBuf);

/// What the records of engines, pagers and the fence have in common.
#[derive(Deserialize)]
struct Started {
    process: ProcessId,
}

impl Vms {
    /// The VMs of the host of `stack`.
    pub(super) fn of(stack: &Stack) -> Self {
        Self(PathBuf::from("/run/roost/hosts").join(stack.state().host_id()))
    }

    /// Those that are there now.
    pub(super) fn now(&self) -> Vec<Vm> {
        let Ok(folders) = fs::read_dir(self.0.join("engines")) else {
            return Vec::new();
        };
        let folders = folders.flatten().map(|entry| entry.path());
        folders.filter_map(|folder| vm(&folder)).collect()
    }

    /// The process that freezes them.
    pub(super) fn fence(&self) -> Option<Pid> {
        process(&self.0, "fence.json").map(|(pid, _)| pid)
    }
}

fn vm(folder: &Path) -> Option<Vm> {
    let owner = Owner::parse(folder.file_name()?.to_str()?, '.')?;
    let (engine, state) = process(folder, "engine.json")?;
    Some(Vm {
        owner,
        engine,
        pager: process(folder, "pager.json").map(|(pid, _)| pid),
        stopped: state == 'T',
    })
}

/// The process that a record tells of, and its state, if it is there and not only waits for its parent.
fn process(folder: &Path, record: &str) -> Option<(Pid, char)> {
    let started: Started = read_record(&folder.join(record)).ok()??;
    let pid = Pid::from_raw(started.process.pid.cast_signed())?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // Behind the command in parentheses: the state, the 3rd field, and the start time, the 22nd.
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time: u64 = fields.nth(18)?.parse().ok()?;
    (start_time == started.process.start_time && !matches!(state, 'Z' | 'X')).then_some((pid, state))
}
