//! Starting a pager.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::time::Duration;

use roost_engine::{Daemon, Spawned, file_tail};
use roost_runtime::port::{Fault, Image};
use roost_schemas::snapshot::file;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::timeout;

use super::super::jails::Users;
use super::record::Record;
use super::{LAST_WORDS, MAX_FAULT, Pager};

const STEP: &str = "start the pager";
/// How long it may take from its start until it listens; it reads a manifest.
const READY: Duration = Duration::from_secs(15);
/// What it says then.
const SAYS: &str = "ready";

/// A pager to be started.
pub(in super::super) struct Launch<'a> {
    /// `roost-pager`.
    pub(in super::super) program: &'a Path,
    /// The engine's folder.
    pub(in super::super) folder: &'a Path,
    /// Where it is to listen for its engine.
    pub(in super::super) socket: &'a Path,
    /// What it serves.
    pub(in super::super) image: &'a Image,
    /// Who it and its engine are.
    pub(in super::super) users: Users,
}

/// A pager that does not listen yet. It is recorded, and dies unless [`Self::ready`] returns it.
pub(in super::super) struct Starting {
    spawned: Spawned,
    record: Record,
}

impl Launch<'_> {
    pub(in super::super) async fn spawn(&self) -> Result<Starting, Fault> {
        let own = own(self.folder);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&own);
        made.and_then(|()| chown(&own, Some(self.users.pager), Some(self.users.pager)))
            .map_err(|error| Fault::new(STEP, format!("cannot make {}: {error}", own.display())))?;
        // Recorded by the first that wakes, for all that wake from the same snapshot later.
        let working_set = self.image.folder.join(file::WORKING_SET);
        let known = working_set.exists();
        let daemon = Daemon {
            program: self.program.to_owned(),
            args: self.args(known.then_some(&working_set)),
            dir: self.folder.to_owned(),
            log: log(self.folder),
            netns: None,
            alone: false,
            announces: true,
        };
        let spawned = daemon.spawn().await.map_err(|error| Fault::of(STEP, &error))?;
        let record = Record {
            working_set: (!known).then_some(working_set),
            ..Record::of(spawned.identity().clone(), self.folder)
        };
        record
            .write(self.folder)
            .map_err(|error| Fault::new(STEP, format!("cannot record it: {error}")))?;
        Ok(Starting { spawned, record })
    }

    fn args(&self, working_set: Option<&PathBuf>) -> Vec<OsString> {
        let folder = &self.image.folder;
        let store = folder.parent().unwrap_or(folder);
        let prefetch_or_record: (&str, OsString) = match working_set {
            Some(known) => ("--prefetch", known.into()),
            None => ("--record", working_set_of(self.folder).into()),
        };
        let pairs: [(&str, OsString); 8] = [
            ("--manifest", folder.join(file::MEMORY_MANIFEST).into()),
            ("--store", store.into()),
            ("--socket", self.socket.into()),
            ("--control", control_socket(self.folder).into()),
            prefetch_or_record,
            ("--max-fault-ms", MAX_FAULT.as_millis().to_string().into()),
            ("--user", self.users.pager.to_string().into()),
            ("--engine-user", self.users.engine.to_string().into()),
        ];
        let words = pairs.into_iter().flat_map(|(name, value)| [name.into(), value]);
        words.collect()
    }
}

impl Starting {
    /// Waits until it listens.
    pub(in super::super) async fn ready(mut self) -> Result<Pager, Fault> {
        let said = match self.spawned.stdout() {
            Some(stdout) => timeout(READY, first_line(stdout)).await,
            None => return Err(Fault::new(STEP, "it has no output")),
        };
        let words = || match file_tail(&self.record.log, LAST_WORDS) {
            words if words.is_empty() => String::new(),
            words => format!("; its last words: {words}"),
        };
        match said {
            Ok(Ok(line)) if line.trim_end() == SAYS => {}
            Ok(Ok(line)) => {
                return Err(Fault::new(
                    STEP,
                    format!("it said {line:?} instead of {SAYS:?}{}", words()),
                ));
            }
            Ok(Err(error)) => return Err(Fault::new(STEP, format!("{error}{}", words()))),
            Err(_) => {
                return Err(Fault::timed_out(
                    STEP,
                    format!("it was not ready within {READY:?}{}", words()),
                ));
            }
        }
        let process = self.spawned.keep().map_err(|error| Fault::of(STEP, &error))?;
        Ok(Pager::new(self.record, process))
    }
}

async fn first_line(stdout: ChildStdout) -> std::io::Result<String> {
    let stdout = tokio::process::ChildStdout::from_std(stdout)?;
    let mut line = String::new();
    BufReader::new(stdout.take(64)).read_line(&mut line).await?;
    Ok(line)
}

/// The folder that belongs to the pager of the engine in `folder`, as nothing else there does.
fn own(folder: &Path) -> PathBuf {
    folder.join("pager")
}

/// Where it can be asked.
pub(super) fn control_socket(folder: &Path) -> PathBuf {
    own(folder).join("pager.sock")
}

/// Where it writes the working set down.
pub(super) fn working_set_of(folder: &Path) -> PathBuf {
    own(folder).join(file::WORKING_SET)
}

/// Where its output goes.
pub(super) fn log(folder: &Path) -> PathBuf {
    folder.join("pager.log")
}

/// Whether a command line is that of the program with `--control control`.
pub(super) fn is_ours(words: &[&[u8]], program: &Path, control: &Path) -> bool {
    let named = words
        .first()
        .and_then(|word| Path::new(OsStr::from_bytes(word)).file_name());
    named == program.file_name()
        && words
            .windows(2)
            .any(|pair| pair[0] == b"--control" && pair[1] == control.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_is_known_by_its_program_and_its_socket() {
        let is = |line: &str| {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            is_ours(
                &words,
                Path::new("/opt/roost-pager"),
                Path::new("/e/sb1.1/pager/pager.sock"),
            )
        };
        assert!(is(
            "/bin/roost-pager --store /s --control /e/sb1.1/pager/pager.sock"
        ));
        assert!(!is(
            "/bin/roost-pager --store /s --control /e/sb1.12/pager/pager.sock"
        ));
        assert!(!is("/bin/roost-host --control /e/sb1.1/pager/pager.sock"));
        assert!(!is(""));
    }
}
