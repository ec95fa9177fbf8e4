//! An engine that is a process of its own, so that a pager can kill it: this program again, told by its environment.

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::json;
use userfaultfd::{FeatureFlags, UffdBuilder};

use super::{Backing, Guest, PAGE, PATIENCE, Pager, Store};

/// Tells it to be one: its habit, the number of its pages and the pager's socket.
const VARIABLE: &str = "ROOST_TEST_ENGINE";

/// What is special about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    None,
    /// Half of its memory is on no file system: there is room for sixteen pages only.
    NoRoom,
    /// It tells of the first half of its memory only.
    HalfOfIt,
    /// It moves its memory before it reads.
    Moves,
    /// It tells of memory that is not registered.
    Lies,
}

const HABITS: [Habit; 5] = [
    Habit::None,
    Habit::NoRoom,
    Habit::HalfOfIt,
    Habit::Moves,
    Habit::Lies,
];

/// Is an engine if it is started as one, and else shows that it can be.
#[test]
fn stands_in_for_an_engine() {
    if let Ok(told) = env::var(VARIABLE) {
        let told: Vec<&str> = told.splitn(3, ' ').collect();
        let habit = HABITS[told[0].parse::<usize>().unwrap()];
        return be(habit, told[1].parse().unwrap(), Path::new(told[2]));
    }
    let store = Store::full(4);
    let pager = Pager::start(&store);
    let mut engine = Engine::start(&pager.socket(), 4);
    assert_eq!(engine.read(3), Some(store.numbers[3] << 16));
    assert_eq!(pager.status().engine, Some(engine.pid()));
}

fn be(habit: Habit, pages: usize, socket: &Path) {
    let mut guest = match habit {
        Habit::NoRoom => Guest::on(small_file(), pages),
        _ => Guest::new(Backing::Anonymous, pages),
    };
    if habit == Habit::Moves {
        let builder = UffdBuilder::new()
            .require_features(FeatureFlags::EVENT_REMAP)
            .non_blocking(true)
            .user_mode_only(false)
            .create();
        guest.replace(builder.unwrap());
    }
    let regions = match habit {
        Habit::HalfOfIt => json!([guest.region(0, pages / 2, 0)]),
        Habit::Lies => Guest::new(Backing::Anonymous, pages).regions(),
        _ => guest.regions(),
    };
    guest.connect(socket, &regions);
    for line in std::io::stdin().lines() {
        if habit == Habit::Moves {
            guest.move_away();
        }
        let word = guest.touch(line.unwrap().parse().unwrap());
        eprintln!("{word}");
    }
}

/// A file on a file system that is full after sixteen pages. Both are gone when the process is.
fn small_file() -> File {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let size = format!("size={}", 16 * PAGE);
    mount(
        Some("tmpfs"),
        folder.path(),
        Some("tmpfs"),
        MsFlags::empty(),
        Some(&*size),
    )
    .unwrap();
    let file = tempfile::tempfile_in(folder.path()).unwrap();
    // The folder itself is outside of what was mounted.
    nix::mount::umount2(folder.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    file
}

/// Such a process, which is killed at the end of its test.
pub(crate) struct Engine {
    child: Child,
    told: ChildStdin,
    said: BufReader<ChildStderr>,
    /// What the test harness says of it.
    _noise: ChildStdout,
}

impl Engine {
    /// One with `pages`, served by the pager at `socket`.
    pub(crate) fn start(socket: &Path, pages: usize) -> Self {
        Self::with(socket, pages, Habit::None)
    }

    pub(crate) fn with(socket: &Path, pages: usize, habit: Habit) -> Self {
        let number = HABITS.iter().position(|one| *one == habit).unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "support::engine::stands_in_for_an_engine",
                "--nocapture",
            ])
            .env(VARIABLE, format!("{number} {pages} {}", socket.display()))
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

    /// Waits until it has ended: whether it was killed, as only a pager would.
    pub(crate) fn was_killed(&mut self) -> bool {
        self.end().signal() == Some(9)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    fn end(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the engine lives on");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
