//! Finding an engine that was started but never recorded.
//!
//! Between the spawn and the record lies a moment in which the host can be killed. The engine's command line names its
//! id, so that the next life finds it all the same.

use super::Launch;
use crate::process::{EngineProcess, ProcessId, Record};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::{ffi::OsStr, fs, io, os::unix::ffi::OsStrExt, path::Path};

impl Launch {
    /// The engine that an earlier spawn of this launch left running, recorded now. Must be called inside a tokio
    /// runtime. Reads every process's command line: meant for recovery.
    pub fn find_orphan(&self) -> io::Result<Option<EngineProcess>> {
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
            if !is_ours(&command_line, &self.binary, &self.id) {
                continue;
            }
            let record = Record {
                kind: self.kind,
                id: self.id.clone(),
                process: ProcessId::of(pid)?,
                dir: self.dir.clone(),
                socket: self.api_socket(),
                log: self.log.clone(),
            };
            record.write()?;
            return EngineProcess::hold(record, pidfd).map(Some);
        }
        Ok(None)
    }
}

/// Whether a command line, its words ended by zeros, is that of the program with `--id id`.
fn is_ours(command_line: &[u8], binary: &Path, id: &str) -> bool {
    let words: Vec<&[u8]> = command_line.split(|byte| *byte == 0).collect();
    let program = words
        .first()
        .and_then(|word| Path::new(OsStr::from_bytes(word)).file_name());
    program == binary.file_name()
        && words
            .windows(2)
            .any(|pair| pair[0] == b"--id" && pair[1] == id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_and_id_must_both_be_right() {
        let binary = Path::new("/opt/firecracker");
        assert!(is_ours(
            b"/opt/firecracker\0--api-sock\0/s\0--id\0sb1\0",
            binary,
            "sb1"
        ));
        assert!(
            is_ours(b"firecracker\0--id\0sb1\0--api-sock\0/api.sock\0", binary, "sb1"),
            "as the jailer execs it"
        );
        assert!(!is_ours(b"/opt/firecracker\0--id\0sb11\0", binary, "sb1"));
        assert!(!is_ours(b"/usr/bin/vi\0--id\0sb1\0", binary, "sb1"));
        assert!(!is_ours(b"", binary, "sb1"));
    }
}
