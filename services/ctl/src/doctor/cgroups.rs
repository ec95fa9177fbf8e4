//! Control groups: by which an engine is held to its share.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::machine::Machine;

const CHECK: &str = "cgroups";
/// What an engine is held to.
const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];

pub(super) fn check(machine: &Machine) -> Finding {
    let mounts = machine.read("proc/self/mounts").unwrap_or_default();
    let unified =
        |folder: &str| machine.read(&format!("{}/cgroup.controllers", folder.trim_start_matches('/')));
    judge(&controllers(&mounts, unified))
}

/// Each controller that is there, and which version of control groups has it.
fn controllers(mounts: &str, unified: impl Fn(&str) -> Option<String>) -> BTreeMap<String, u8> {
    let mut found = BTreeMap::new();
    for mount in mounts.lines() {
        let fields: Vec<_> = mount.split(' ').collect();
        let [_, folder, kind, options, ..] = fields[..] else {
            continue;
        };
        match kind {
            "cgroup" => found.extend(options.split(',').map(|option| (option.to_owned(), 1))),
            "cgroup2" => {
                let there = unified(folder).unwrap_or_default();
                found.extend(there.split_whitespace().map(|name| (name.to_owned(), 2)));
            }
            _ => {}
        }
    }
    found
}

fn judge(found: &BTreeMap<String, u8>) -> Finding {
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|name| !found.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        let remedy = "mount the cgroup2 file system at /sys/fs/cgroup, with these controllers enabled \
                      (`cgroup_enable=memory` on some kernels' command lines)";
        return Finding::fail(CHECK, format!("no controller for {}", missing.join(", ")), remedy);
    }
    let told = NEEDED.map(|name| format!("{name} (v{})", found[name]));
    Finding::ok(CHECK, told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const V1: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
    const V2: &str = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";

    #[test]
    fn controllers_are_found_in_either_version_and_in_both() {
        let none = |_: &str| None;
        assert_eq!(judge(&controllers(V1, none)).found, "no controller for pids");
        let pids = |folder: &str| (folder == "/sys/fs/cgroup").then(|| "hugetlb pids".to_owned());
        let both = judge(&controllers(&format!("{V1}{V2}"), pids));
        assert_eq!(both.found, "cpu (v1), memory (v1), pids (v2)");
        let all = |_: &str| Some("cpuset cpu io memory pids".to_owned());
        assert_eq!(judge(&controllers(V2, all)).verdict, Verdict::Ok);
        assert_eq!(judge(&controllers("", none)).verdict, Verdict::Fail);
    }
}
