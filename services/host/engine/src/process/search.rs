//! Finding a process by its command line.

use super::{Process, ProcessId};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::{fs, io};

/// The first process whose command line, as its words, is the one that `is_it` accepts. Must be called inside a tokio
/// runtime. Reads every process's command line: meant for recovery.
pub fn find_process(is_it: impl Fn(&[&[u8]]) -> bool) -> io::Result<Option<Process>> {
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .and_then(Pid::from_raw)
        else {
            continue;
        };
        // Processes end while we look; the pidfd comes before the look at the command line, so that both speak of
        // the same process or of one that is gone.
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        let Ok(command_line) = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) else {
            continue;
        };
        let words: Vec<&[u8]> = command_line.split(|byte| *byte == 0).collect();
        if is_it(&words) {
            return Process::hold(ProcessId::of(pid)?, pidfd).map(Some);
        }
    }
    Ok(None)
}
