//! An engine that is a process of its own, so that a pager can kill it: this program again, told by its environment.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Backing, Guest, PATIENCE};

/// Its variable, with the pager's socket and the number of pages.
const VARIABLE: &str = "ROOST_TEST_ENGINE";

/// Is an engine if it is started as one, and else shows that it can be: it reads pages when told to, by their numbers.
#[test]
fn stands_in_for_an_engine() {
    let Ok(told) = env::var(VARIABLE) else {
        let store = super::Store::full(4);
        let pager = super::Pager::start(&store);
        let mut engine = Engine::start(&pager.socket(), 4);
        assert_eq!(engine.read(3), Some(store.numbers[3] << 16));
        return;
    };
    let (pages, socket) = told.split_once(' ').unwrap();
    let pages = pages.parse().unwrap();
    let guest = Guest::served(Backing::Anonymous, pages, Path::new(socket));
    for line in std::io::stdin().lines() {
        let word = guest.touch(line.unwrap().parse().unwrap());
        writeln!(std::io::stderr(), "{word}").unwrap();
    }
}

/// Such a process, which is killed at the end of its test.
pub(crate) struct Engine {
    child: Child,
    told: ChildStdin,
    said: BufReader<std::process::ChildStderr>,
    _noise: ChildStdout,
}

impl Engine {
    pub(crate) fn start(socket: &Path, pages: usize) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "support::engine::stands_in_for_an_engine",
                "--nocapture",
            ])
            .env(VARIABLE, format!("{pages} {}", socket.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            told: child.stdin.take().unwrap(),
            said: BufReader::new(child.stderr.take().unwrap()),
            _noise: child.stdout.take().unwrap(),
            child,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Tells it to read `page`.
    pub(crate) fn ask(&mut self, page: usize) {
        writeln!(self.told, "{page}").unwrap();
    }

    /// Has it read `page`: its first word, or nothing if it did not live to tell.
    pub(crate) fn read(&mut self, page: usize) -> Option<u64> {
        self.ask(page);
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().parse().ok()
    }

    /// Waits until it has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the engine lives on");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it was killed as only a pager would.
    pub(crate) fn was_killed(&mut self) -> bool {
        self.end().signal() == Some(9)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
