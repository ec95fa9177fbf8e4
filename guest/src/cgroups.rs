//! Control groups of the guest: what users run cannot starve the agent of memory, process ids or CPU time.
//!
//! ```text
//! /sys/fs/cgroup          PID 1; every controller handed down
//! ├── agent               memory.min, most of the CPU's weight
//! ├── user                memory.max, pids.max; the OOM killer looks for its victims here
//! └── hook                hooks of a restored guest, while they run
//! ```
//!
//! A kernel may lack a controller, or version 2 as a whole. Then nice values and `oom_score_adj`, which need neither,
//! are what is left; the console says once what is missing.

pub(crate) mod freezer;

use std::path::Path;
use std::{fs, io};

use nix::sys::sysinfo::sysinfo;

use crate::log::say;

/// Where they are mounted.
pub(crate) const ROOT: &str = "/sys/fs/cgroup";

/// One of our groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The agent and what it starts, until that has moved on.
    Agent,
    /// Commands of the sandbox's users.
    User,
    /// What runs on their behalf while they stand still.
    Hook,
}

impl Group {
    const ALL: [Self; 3] = [Self::Agent, Self::User, Self::Hook];

    /// Its folder's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::User => "user",
            Self::Hook => "hook",
        }
    }

    /// The group of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    /// Moves the calling process into the group. Without such a group there is nothing to enter; the console has said so
    /// at boot.
    pub(crate) fn enter(self) -> io::Result<()> {
        match fs::write(Path::new(ROOT).join(self.name()).join("cgroup.procs"), "0") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            entered => entered,
        }
    }
}

/// A megabyte, as memory is counted.
const MIB: u64 = 1 << 20;
/// Of the guest's memory, this part is kept from users …
const RESERVED_PART: u64 = 8;
/// … but no more than this, and no less: the agent takes 8 MiB, and holds back output of processes besides.
const RESERVED: (u64, u64) = (24 * MIB, 128 * MIB);

/// The kernel spends about this much on a process before the process has touched anything.
const PROCESS: u64 = 64 << 10;
/// Process ids users may take together: room for the 1,024 commands an agent runs, and on large guests always some of
/// the kernel's 32,768 left for the agent.
const PROCESSES: (u64, u64) = (2048, 30_000);

/// Shares of the CPU while both want it; 100 is what a group has by default.
const WEIGHT: (u32, u32) = (1000, 100);

/// Hands the controllers down and makes the groups; what cannot be done is said on the console.
pub(crate) fn prepare() {
    let memory = sysinfo().map_or(0, |info| info.ram_total());
    let missing = arrange(Path::new(ROOT), memory);
    if !missing.is_empty() {
        say!(
            "control groups are incomplete, users' commands are not bounded by them: {}",
            missing.join("; ")
        );
    }
}

/// Does it below `root` for a guest of `memory` bytes; answers with what failed.
fn arrange(root: &Path, memory: u64) -> Vec<String> {
    let mut missing = hand_down(root);
    let (_, reserved) = divide(memory);
    for (group, file, value) in limits(memory) {
        let folder = root.join(group.name());
        let done = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(file), &value));
        if let Err(error) = done {
            missing.push(format!("{}/{file}: {error}", group.name()));
        }
    }
    if memory <= reserved {
        missing.push(format!("{memory} bytes of memory are too few to divide"));
    }
    missing
}

/// Enables every controller for the groups below `root`, one by one, so that one that refuses takes no other with it.
fn hand_down(root: &Path) -> Vec<String> {
    let available = match fs::read_to_string(root.join("cgroup.controllers")) {
        Ok(available) => available,
        Err(error) => return vec![format!("cgroup.controllers: {error}")],
    };
    available
        .split_ascii_whitespace()
        .filter_map(|controller| {
            let enabled = fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"));
            enabled.err().map(|error| format!("{controller}: {error}"))
        })
        .collect()
}

/// What users may have of `memory`, and what is kept from them.
fn divide(memory: u64) -> (u64, u64) {
    let (least, most) = RESERVED;
    let reserved = (memory / RESERVED_PART).clamp(least, most);
    (memory.saturating_sub(reserved), reserved)
}

fn limits(memory: u64) -> Vec<(Group, &'static str, String)> {
    let (users, reserved) = divide(memory);
    let (fewest, most) = PROCESSES;
    let processes = (memory / PROCESS).clamp(fewest, most);
    let mut limits = vec![
        (Group::Agent, "cpu.weight", WEIGHT.0.to_string()),
        (Group::User, "cpu.weight", WEIGHT.1.to_string()),
        (Group::User, "pids.max", processes.to_string()),
    ];
    if users > 0 {
        limits.push((Group::Agent, "memory.min", reserved.to_string()));
        limits.push((Group::User, "memory.max", users.to_string()));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Control files are there before they are written; plain folders stand in for the kernel's.
    fn kernel(controllers: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), controllers).unwrap();
        root
    }

    #[test]
    fn an_eighth_is_kept_from_users_within_bounds() {
        assert_eq!(divide(96 * MIB), (72 * MIB, 24 * MIB));
        assert_eq!(divide(512 * MIB), (448 * MIB, 64 * MIB));
        assert_eq!(divide(8192 * MIB), (8064 * MIB, 128 * MIB));
        assert_eq!(divide(MIB), (0, 24 * MIB));
    }

    #[test]
    fn every_limit_is_written_in_its_group() {
        let root = kernel("cpu memory pids\n");
        assert_eq!(arrange(root.path(), 512 * MIB), Vec::<String>::new());
        let read = |file: &str| fs::read_to_string(root.path().join(file)).unwrap();
        assert_eq!(read("user/memory.max"), (448 * MIB).to_string());
        assert_eq!(read("user/pids.max"), "8192");
        assert_eq!(read("agent/memory.min"), (64 * MIB).to_string());
        assert!(read("agent/cpu.weight").len() > read("user/cpu.weight").len());
        assert_eq!(read("cgroup.subtree_control"), "+pids", "one write each");
        assert!(
            !root.path().join("user/memory.oom.group").exists(),
            "one dies, not all"
        );
    }

    #[test]
    fn what_is_missing_is_named_and_fails_nothing() {
        let nothing = tempfile::tempdir().unwrap();
        assert!(arrange(nothing.path(), 512 * MIB)[0].starts_with("cgroup.controllers"));
        let small = kernel("memory");
        let missing = arrange(small.path(), MIB);
        assert!(missing.iter().any(|what| what.contains("too few")), "{missing:?}");
        assert!(
            !small.path().join("user/memory.max").exists(),
            "0 bytes would kill all"
        );
    }
}
