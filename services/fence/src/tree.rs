//! Stopping and continuing an engine with the processes that it started.
//!
//! Each is held by its descriptor before it is looked at, so that what was seen and what is told is the same process.

use std::fs;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::engines::Engine;

/// How deep an engine's processes may stand: a jailer, an engine, what that starts.
const MAX_DEPTH: u32 = 4;

/// Stops `engine`; answers how many processes were told, none if it has ended.
pub(crate) fn stop(engine: &Engine) -> usize {
    let Some(root) = Held::engine(engine) else {
        return 0;
    };
    let mut told = root.tell(Signal::STOP);
    // Parents first: who stands still starts nothing more. What was started a moment before is found the next time.
    root.descend(MAX_DEPTH, &mut |process| told += process.tell(Signal::STOP));
    told
}

/// Lets `engine` go on; answers how many processes were told.
pub(crate) fn go_on(engine: &Engine) -> usize {
    let Some(root) = Held::engine(engine) else {
        return 0;
    };
    let mut told = 0;
    // Parents last: one that goes on finds what it started as it left it.
    root.descend(MAX_DEPTH, &mut |process| told += process.tell(Signal::CONT));
    told + root.tell(Signal::CONT)
}

struct Held {
    pid: Pid,
    descriptor: OwnedFd,
}

impl Held {
    fn engine(engine: &Engine) -> Option<Self> {
        let held = Self::hold(Pid::from_raw(engine.pid)?)?;
        let started = stat(held.pid)?.start_time;
        (started == engine.start_time).then_some(held)
    }

    fn hold(pid: Pid) -> Option<Self> {
        let descriptor = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        Some(Self { pid, descriptor })
    }

    fn tell(&self, signal: Signal) -> usize {
        // One that has ended meanwhile stands still for good.
        usize::from(pidfd_send_signal(&self.descriptor, signal).is_ok())
    }

    fn descend(&self, depth: u32, tell: &mut impl FnMut(&Self)) {
        if depth == 0 {
            return;
        }
        for child in children(self.pid).into_iter().filter_map(Self::hold) {
            // Its number may be another's by now, whose parent is not this one.
            if stat(child.pid).is_some_and(|stat| stat.parent == self.pid.as_raw_nonzero().get()) {
                tell(&child);
                child.descend(depth - 1, tell);
            }
        }
    }
}

/// What `/proc/<pid>/stat` says that matters here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    start_time: u64,
}

fn stat(pid: Pid) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// Fields 4 and 22 (proc(5)). Field 2 is the command in parentheses and may itself hold spaces and parentheses, so counting
/// begins after the last one.
fn parse(stat: &str) -> Option<Stat> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    Some(Stat {
        parent: fields.nth(4 - 3)?.parse().ok()?,
        start_time: fields.nth(22 - 5)?.parse().ok()?,
    })
}

/// The children of every thread of a process; none when it is gone.
fn children(pid: Pid) -> Vec<Pid> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())) else {
        return Vec::new();
    };
    let lists = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        let pids = list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        pids.collect::<Vec<i32>>()
    });
    pids.filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_confuse_the_count() {
        let stat = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11";
        let parsed = Stat {
            parent: 3,
            start_time: 987_654,
        };
        assert_eq!(parse(stat), Some(parsed));
        assert_eq!(parse("7 (a) S 3"), None);
    }
}
