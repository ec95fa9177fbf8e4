//! Who answers the faults: a process, which is ended when it is not needed any more.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use roost_pager::control::{self, Request, Status};
use tempfile::TempDir;

use crate::content::Content;
use crate::floor;

/// How long a pager may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) struct Handler {
    folder: TempDir,
    child: Child,
}

impl Handler {
    /// The pager that was built with this program.
    pub(crate) fn pager(content: &Content, arguments: &[&str]) -> Result<Self> {
        let folder = TempDir::new()?;
        let this = env::current_exe()?;
        // Examples are in a folder beside the programs.
        let program = this
            .parent()
            .and_then(|folder| folder.parent())
            .map(|folder| folder.join("roost-pager"));
        let mut command = Command::new(program.context("this program is in no folder")?);
        command
            .arg("--manifest")
            .arg(content.manifest())
            .arg("--store")
            .arg(content.folder())
            .arg("--socket")
            .arg(folder.path().join("uffd.sock"))
            .arg("--control")
            .arg(folder.path().join("pager.sock"))
            .args(arguments);
        Self::start(folder, command)
    }

    /// The least there can be, see [`floor`].
    pub(crate) fn floor(content: &Content) -> Result<Self> {
        let folder = TempDir::new()?;
        let mut command = Command::new(env::current_exe()?);
        command
            .arg(floor::WORD)
            .arg(content.flat())
            .arg(folder.path().join("uffd.sock"));
        Self::start(folder, command)
    }

    fn start(folder: TempDir, mut command: Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("it has no output")?;
        let handler = Self { folder, child };
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line == "ready\n", "a handler said {line:?}");
        Ok(handler)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("uffd.sock")
    }

    pub(crate) fn status(&self) -> Result<Status> {
        self.ask(Request::Status)
    }

    pub(crate) fn save_working_set(&self) -> Result<Status> {
        self.ask(Request::SaveWorkingSet)
    }

    fn ask(&self, request: Request) -> Result<Status> {
        Ok(control::ask(
            &self.folder.path().join("pager.sock"),
            request,
            PATIENCE,
        )?)
    }

    /// Bytes of memory of its own: what is no file's.
    pub(crate) fn private_memory(&self) -> Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u64 = kib
            .context("smaps_rollup has no Anonymous in kB")?
            .trim()
            .parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // A pager that is told to end in another way takes its engine along.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
