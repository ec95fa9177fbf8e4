//! The cgroups of a host's engines: `<hierarchy>/<parent>/<id>`, by controller in version 1, one for all in version 2.
//!
//! A jailer makes those of its engine and joins them. Here is said which settings they have, and who is gone is swept up.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// What is limited. Where a machine lacks one of these controllers, it is not.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Microseconds in which a quota of CPU time is counted: the kernel's default.
const PERIOD_US: u64 = 100_000;

/// Threads and processes of an engine at most. QEMU reads disks with up to 64 threads at a time.
const PIDS: u32 = 256;

/// How much of a contended CPU all engines of a host get, where anybody else's process has 1. Guests are what a host is for.
const WEIGHT: u64 = 10;

/// How often and how long apart it is tried to remove a group: what was killed leaves it a moment later.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(5);

/// The hierarchies of this machine, and the group in them below which a host has its engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroups {
    version: u8,
    /// Controllers, and the mount point of the hierarchy of each.
    hierarchies: Vec<(&'static str, PathBuf)>,
    parent: String,
}

impl Cgroups {
    /// Those of this machine, for a host with the group `parent`; nothing where none of the controllers is to be had.
    pub fn find(parent: &str) -> io::Result<Option<Self>> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let offered = |point: &Path| fs::read_to_string(point.join("cgroup.controllers")).unwrap_or_default();
        Ok(Self::among(&mounts, offered, parent))
    }

    fn among(mounts: &str, offered: impl Fn(&Path) -> String, parent: &str) -> Option<Self> {
        let mounts: Vec<[&str; 3]> = mounts
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ').skip(1);
                Some([words.next()?, words.next()?, words.next()?])
            })
            .collect();
        let found = |version, has: &dyn Fn(&[&str; 3], &str) -> bool| {
            let of = |controller| {
                let mount = mounts.iter().find(|mount| has(mount, controller))?;
                Some((controller, PathBuf::from(mount[0])))
            };
            let hierarchies: Vec<_> = CONTROLLERS.into_iter().filter_map(of).collect();
            (!hierarchies.is_empty()).then(|| Self {
                version,
                hierarchies,
                parent: parent.to_owned(),
            })
        };
        // A machine may have both, with the controllers shared out among them: a jailer takes one.
        let second = found(2, &|[point, kind, _], controller| {
            *kind == "cgroup2"
                && offered(Path::new(point))
                    .split_whitespace()
                    .any(|one| one == controller)
        });
        second.or_else(|| {
            found(1, &|[_, kind, options], controller| {
                *kind == "cgroup" && options.split(',').any(|one| one == controller)
            })
        })
    }

    /// 1 or 2.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The group below which the engines have theirs.
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// Makes the parent group and gives it its weight.
    pub fn prepare(&self) -> io::Result<()> {
        for (controller, hierarchy) in &self.hierarchies {
            let group = hierarchy.join(&self.parent);
            if self.version == 2 {
                fs::write(hierarchy.join("cgroup.subtree_control"), format!("+{controller}"))?;
            }
            fs::create_dir_all(&group)?;
            if *controller == "cpu" {
                let (file, one) = if self.version == 2 {
                    ("cpu.weight", 100)
                } else {
                    ("cpu.shares", 1024)
                };
                fs::write(group.join(file), (one * WEIGHT).to_string())?;
            }
        }
        Ok(())
    }

    /// The settings of an engine that may use this much CPU time and this many bytes of memory, none of it swapped.
    pub fn settings(&self, cpus: u32, memory: u64) -> Vec<String> {
        let quota = u64::from(cpus) * PERIOD_US;
        let of = |controller: &str| match (controller, self.version) {
            ("cpu", 1) => vec![
                format!("cpu.cfs_period_us={PERIOD_US}"),
                format!("cpu.cfs_quota_us={quota}"),
            ],
            ("cpu", _) => vec![format!("cpu.max={quota} {PERIOD_US}")],
            // Version 1 has no limit for swap alone; not to like swapping is the next best.
            ("memory", 1) => vec![
                format!("memory.limit_in_bytes={memory}"),
                "memory.swappiness=0".to_owned(),
            ],
            ("memory", _) => vec![format!("memory.max={memory}"), "memory.swap.max=0".to_owned()],
            ("pids", _) => vec![format!("pids.max={PIDS}")],
            _ => Vec::new(),
        };
        self.hierarchies
            .iter()
            .flat_map(|(controller, _)| of(controller))
            .collect()
    }

    /// Removes the groups of an engine that has ended. Idempotent.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.hierarchies
            .iter()
            .try_for_each(|(_, hierarchy)| remove(&hierarchy.join(&self.parent).join(id)))
    }

    /// Removes the parent group, below which there is nothing any more.
    pub fn remove_parent(&self) -> io::Result<()> {
        self.hierarchies
            .iter()
            .try_for_each(|(_, hierarchy)| remove(&hierarchy.join(&self.parent)))
    }
}

fn remove(group: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy && tries < TRIES => {
                tries += 1;
                sleep(PAUSE);
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
                         cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
    const SECOND: &str = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0\n";

    fn among(mounts: &str, offered: &str) -> Option<Cgroups> {
        Cgroups::among(mounts, |_| offered.to_owned(), "roost-h1")
    }

    #[test]
    fn version_2_is_taken_where_it_has_the_controllers() {
        let both = format!("{FIRST}{SECOND}");
        let found = among(&both, "cpuset cpu memory pids").unwrap();
        assert_eq!(found.version(), 2);
        let expected = [
            "cpu.max=200000 100000",
            "memory.max=5",
            "memory.swap.max=0",
            "pids.max=256",
        ];
        assert_eq!(found.settings(2, 5), expected);
        // Here it has been left with next to nothing.
        let found = among(&both, "hugetlb").unwrap();
        assert_eq!(found.version(), 1);
        let expected = [
            "cpu.cfs_period_us=100000",
            "cpu.cfs_quota_us=200000",
            "memory.limit_in_bytes=5",
            "memory.swappiness=0",
        ];
        assert_eq!(found.settings(2, 5), expected);
    }

    #[test]
    fn a_machine_without_controllers_has_none() {
        assert_eq!(among(SECOND, ""), None);
        assert_eq!(among("proc /proc proc rw 0 0\n", "memory"), None);
    }
}
