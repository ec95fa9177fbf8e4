//! Finding an engine that was started but never recorded.
//!
//! Between the spawn and the record lies a moment in which the host can be killed. The engine's command line names its
//! id, so that the next life finds it all the same; so does that of the jailer, which becomes the engine.

use super::Launch;
use crate::process::{EngineProcess, Record, find_process};
use std::{ffi::OsStr, io, os::unix::ffi::OsStrExt, path::Path};

impl Launch {
    /// The engine that an earlier spawn of this launch left running, recorded now. Must be called inside a tokio
    /// runtime. Reads every process's command line: meant for recovery.
    pub fn find_orphan(&self) -> io::Result<Option<EngineProcess>> {
        let Some(process) = find_process(|words| self.is_ours(words))? else {
            return Ok(None);
        };
        let record = Record {
            kind: self.kind,
            id: self.id.clone(),
            process: process.identity().clone(),
            dir: self.dir.clone(),
            socket: self.api_socket(),
            log: self.log.clone(),
        };
        record.write()?;
        Ok(Some(EngineProcess::new(record, process)))
    }
}

impl Launch {
    fn is_ours(&self, words: &[&[u8]]) -> bool {
        let jailer = self.jail.as_ref().map(|jail| &jail.jailer);
        [Some(&self.binary), jailer]
            .into_iter()
            .flatten()
            .any(|program| is_ours(words, program, &self.id))
    }
}

/// Whether a command line is that of the program with `--id id`.
fn is_ours(words: &[&[u8]], binary: &Path, id: &str) -> bool {
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
        let is = |line: &str| {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            is_ours(&words, Path::new("/opt/firecracker"), "sb1")
        };
        assert!(is("/opt/firecracker --api-sock /s --id sb1"));
        assert!(
            is("firecracker --id sb1 --api-sock /api.sock"),
            "as the jailer execs it"
        );
        assert!(!is("/opt/firecracker --id sb11"));
        assert!(!is("/usr/bin/vi --id sb1"));
        assert!(!is(""));
    }
}
