//! What tells one process from every other, also after its pid was given to someone else.

use super::stat;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use std::io;

/// A process of this boot or an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Clock ticks since boot at which it started: field 22 of `/proc/<pid>/stat`.
    pub start_time: u64,
    /// `/proc/sys/kernel/random/boot_id` of the boot it started in; ticks alone repeat after a reboot.
    pub boot_id: String,
}

impl ProcessId {
    /// The identity of `pid` now. The caller must know that `pid` has not been reaped.
    pub(crate) fn of(pid: Pid) -> io::Result<Self> {
        Ok(Self {
            pid: pid.as_raw_nonzero().get().unsigned_abs(),
            start_time: stat::start_time(pid)?,
            boot_id: boot_id()?,
        })
    }
}

pub(super) fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}
