//! A pager, what it serves, and who it serves.

mod engine;
mod guest;
mod store;

pub(crate) use engine::{Engine, Habit};
pub(crate) use guest::{Backing, Guest, hand_over};
pub(crate) use store::Store;
use store::page_of;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use roost_pager::control::{self, Removed, Request, Status};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;

/// A running pager, which is killed at the end of its test.
pub(crate) struct Pager {
    folder: TempDir,
    child: Child,
}

impl Pager {
    /// One that serves the newest manifest of `store`.
    pub(crate) fn start(store: &Store) -> Self {
        Self::with(store, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn with(store: &Store, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = command(store, folder.path()).args(arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pager = Self { folder, child };
        assert_eq!(line, "ready\n");
        pager
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("uffd.sock")
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.folder.path().join("pager.sock")
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn status(&self) -> Status {
        control::ask(&self.control(), Request::Status, PATIENCE).unwrap()
    }

    pub(crate) fn removed(&self) -> Vec<(u64, u64)> {
        let removed: Removed = control::ask(&self.control(), Request::Removed, PATIENCE).unwrap();
        removed.runs
    }

    /// Waits until its status is as wanted.
    pub(crate) fn until(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < end, "the pager stays {status:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the pager does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends by itself, and takes what it wrote to stderr.
    pub(crate) fn last_word(mut self) -> String {
        self.end();
        let mut word = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut word)
            .unwrap();
        word
    }

    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // Not by a signal that it could see: it would end its engine, which may be the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command for `store`, with sockets in `folder`.
pub(crate) fn command(store: &Store, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost-pager"));
    command
        .arg("--manifest")
        .arg(store.manifest())
        .arg("--store")
        .arg(store.path())
        .arg("--socket")
        .arg(folder.join("uffd.sock"))
        .arg("--control")
        .arg(folder.join("pager.sock"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
