//! The process that cleans up when this tool is killed outright.
//!
//! It is this program again, at the other end of a pipe that tells it what has been started. When the pipe ends without
//! a farewell, the tool died: the watchdog then stops the processes in their order, has the host's resources destroyed
//! and removes what was temporary. The kernel closes the pipe however the tool died, so nothing can be missed.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::Role;

/// How long `roost-host purge` may take.
pub const PURGE_WITHIN: Duration = Duration::from_mins(1);

/// What the watchdog is told, one JSON value a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Note {
    Started { role: Role, pid: i32 },
    Ended { pid: i32 },
    Purge { program: PathBuf, state: PathBuf },
    Remove { path: PathBuf },
    Farewell,
}

/// The tool's end of the pipe; dropping it without [`Watchdog::farewell`] sets the watchdog off.
pub struct Watchdog {
    child: Child,
    pipe: Mutex<ChildStdin>,
}

impl Watchdog {
    /// Starts `tool watchdog`.
    pub fn start(tool: &Path) -> Result<Self> {
        let mut child = Command::new(tool)
            .arg("watchdog")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start the watchdog {}", tool.display()))?;
        let pipe = Mutex::new(
            child
                .stdin
                .take()
                .context("standard input was asked to be a pipe")?,
        );
        Ok(Self { child, pipe })
    }

    /// Tells of a new process.
    pub fn started(&self, role: Role, pid: u32) {
        self.note(&Note::Started {
            role,
            pid: pid.cast_signed(),
        });
    }

    /// Tells that a process has ended and its id is free.
    pub fn ended(&self, pid: u32) {
        self.note(&Note::Ended {
            pid: pid.cast_signed(),
        });
    }

    /// Has `program purge --state state` run after the host is stopped.
    pub fn purge(&self, program: &Path, state: &Path) {
        self.note(&Note::Purge {
            program: program.to_owned(),
            state: state.to_owned(),
        });
    }

    /// Has the folder `path` removed at last.
    pub fn remove(&self, path: &Path) {
        self.note(&Note::Remove {
            path: path.to_owned(),
        });
    }

    /// Everything is cleaned up already: it ends without doing anything.
    pub fn farewell(mut self) {
        self.note(&Note::Farewell);
        drop(self.pipe);
        // It has nothing left to do but to exit; not waiting would leave a zombie.
        let _ = self.child.wait();
    }

    fn note(&self, note: &Note) {
        let line = serde_json::to_string(note).expect("plain data");
        let mut pipe = self
            .pipe
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // A watchdog that is gone protects nothing any more; the work itself goes on.
        let _ = writeln!(pipe, "{line}");
    }
}

/// The watchdog's own main: reads notes until the pipe ends, and cleans up unless it was told farewell.
pub fn run(notes: impl BufRead) -> Result<()> {
    let mut left = Left::default();
    for line in notes.lines() {
        match serde_json::from_str(&line.context("cannot read the pipe")?).context("not a note of ours")? {
            Note::Started { role, pid } => left.started(role, pid),
            Note::Ended { pid } => drop(left.processes.remove(&pid)),
            Note::Purge { program, state } => left.purge = Some((program, state)),
            Note::Remove { path } => left.folders.push(path),
            Note::Farewell => return Ok(()),
        }
    }
    left.clean_up();
    Ok(())
}

/// What a dead tool left.
#[derive(Default)]
struct Left {
    processes: BTreeMap<i32, (Role, OwnedFd)>,
    purge: Option<(PathBuf, PathBuf)>,
    folders: Vec<PathBuf>,
}

impl Left {
    fn started(&mut self, role: Role, pid: i32) {
        // Held by descriptor, because the id may belong to somebody else by the time it is used.
        let held = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        if let Some(held) = held {
            self.processes.insert(pid, (role, held));
        }
    }

    fn clean_up(self) {
        let mut processes: Vec<_> = self.processes.into_values().collect();
        processes.sort_by_key(|(role, _)| *role);
        let (before, log): (Vec<_>, Vec<_>) = processes.into_iter().partition(|(role, _)| *role < Role::Log);
        stop_all(&before);
        if let Some((program, state)) = self.purge {
            purge(&program, &state);
        }
        stop_all(&log);
        for folder in self.folders {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn stop_all(processes: &[(Role, OwnedFd)]) {
    for (role, held) in processes {
        stop(held, role.patience());
    }
}

fn stop(held: &OwnedFd, patience: Duration) {
    let _ = pidfd_send_signal(held, Signal::TERM);
    let until = Timespec {
        tv_sec: patience.as_secs().cast_signed(),
        tv_nsec: 0,
    };
    let ended = poll(&mut [PollFd::new(held, PollFlags::IN)], Some(&until));
    if !matches!(ended, Ok(1..)) {
        let _ = pidfd_send_signal(held, Signal::KILL);
        let _ = poll(&mut [PollFd::new(held, PollFlags::IN)], Some(&until));
    }
}

fn purge(program: &Path, state: &Path) {
    let Ok(mut child) = Command::new(program)
        .arg("purge")
        .arg("--state")
        .arg(state)
        .spawn()
    else {
        return;
    };
    let began = Instant::now();
    while began.elapsed() < PURGE_WITHIN {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}
