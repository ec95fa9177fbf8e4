//! The memory: how much there is, and whether guests could see each other through it.

use super::finding::Finding;
use super::machine::Machine;
use crate::output::bytes;

const SIZE: &str = "memory";
const SHARING: &str = "swap and KSM";
/// Less than a sandbox and Roost itself take.
const TOO_LITTLE: u64 = 1 << 30;

/// How much is available.
pub(super) fn size(machine: &Machine) -> Finding {
    let meminfo = machine.read("proc/meminfo").unwrap_or_default();
    match (amount(&meminfo, "MemTotal:"), amount(&meminfo, "MemAvailable:")) {
        (Some(total), Some(free)) => {
            let found = format!("{} of {} available", bytes(free), bytes(total));
            if free < TOO_LITTLE {
                let remedy = format!(
                    "{} are the least that a host needs; sandboxes take as much as they are given",
                    bytes(TOO_LITTLE)
                );
                return Finding::fail(SIZE, found, remedy);
            }
            Finding::ok(SIZE, found)
        }
        _ => Finding::fail(SIZE, "/proc/meminfo does not tell", "mount /proc"),
    }
}

/// A line of `/proc/meminfo`, in bytes (proc(5): the unit there is KiB, whatever it says).
fn amount(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Whether what guests have in memory may come to a disk, or be told by time: both are a guest's secrets.
pub(super) fn sharing(machine: &Machine) -> Finding {
    let swaps = machine.read("proc/swaps").unwrap_or_default();
    let swaps = swaps.lines().skip(1).count();
    let merges = machine
        .read("sys/kernel/mm/ksm/run")
        .is_some_and(|run| run == "1");
    let (found, remedy) = match (swaps > 0, merges) {
        (false, false) => return Finding::ok(SHARING, "neither"),
        (true, false) => (
            "swap is on",
            "swapoff -a, or encrypt it: guests' memory may come to lie there",
        ),
        (false, true) => (
            "equal pages are merged",
            "echo 2 > /sys/kernel/mm/ksm/run: a guest can tell by time what another has in memory",
        ),
        (true, true) => (
            "swap is on, and equal pages are merged",
            "swapoff -a, and echo 2 > /sys/kernel/mm/ksm/run: both give away what guests have in memory",
        ),
    };
    Finding::warn(SHARING, found, remedy)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn available_memory_counts() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("proc")).unwrap();
        let of = |free: u64| {
            let text = format!("MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: {free} kB\n");
            fs::write(root.path().join("proc/meminfo"), text).unwrap();
            size(&Machine::below(root.path())).verdict
        };
        assert_eq!((of(4 << 20), of(4 << 10)), (Verdict::Ok, Verdict::Fail));
    }

    #[test]
    fn swap_and_merging_are_told() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::below(root.path());
        assert_eq!(sharing(&machine).verdict, Verdict::Ok);
        fs::create_dir_all(root.path().join("sys/kernel/mm/ksm")).unwrap();
        fs::write(root.path().join("sys/kernel/mm/ksm/run"), "1\n").unwrap();
        assert!(sharing(&machine).found.contains("merged"));
        fs::create_dir(root.path().join("proc")).unwrap();
        fs::write(
            root.path().join("proc/swaps"),
            "Filename Type\n/dev/sda2 partition\n",
        )
        .unwrap();
        assert!(sharing(&machine).found.contains("swap is on, and"));
    }
}
