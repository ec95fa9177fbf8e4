//! The clock: ends of time, leases and guests' clocks all come from it.

use super::finding::Finding;
use super::machine::Machine;

const SOURCE: &str = "clock source";
const SET: &str = "clock set";
/// Sources that are read without leaving the guest or waiting for a slow device.
const GOOD: [&str; 3] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page"];
/// What those who set clocks leave where they have: systemd-timesyncd, chrony, ntpd.
const SETTERS: [(&str, &str); 4] = [
    ("systemd-timesyncd", "run/systemd/timesync/synchronized"),
    ("chrony", "run/chrony/chronyd.pid"),
    ("chrony", "run/chronyd.pid"),
    ("ntpd", "run/ntpd.pid"),
];

/// Where the kernel has the time from.
pub(super) fn source(machine: &Machine) -> Finding {
    match machine.read("sys/devices/system/clocksource/clocksource0/current_clocksource") {
        Some(source) if GOOD.contains(&source.as_str()) => Finding::ok(SOURCE, source),
        Some(source) => Finding::warn(
            SOURCE,
            source,
            "boot with `tsc=reliable` if the processor's counter is invariant: this source makes every look at the time slow",
        ),
        None => Finding::warn(SOURCE, "the kernel does not tell", "mount /sys"),
    }
}

/// Whether somebody sets the clock.
pub(super) fn set(machine: &Machine) -> Finding {
    let setter = SETTERS.iter().find(|(_, trace)| machine.at(trace).exists());
    match setter {
        Some((setter, _)) => Finding::ok(SET, format!("by {setter}")),
        None => Finding::warn(
            SET,
            "by nobody that is known",
            "apt-get install systemd-timesyncd or chrony, unless the machine around this one sets the clock: \
             sandboxes end by it, and hosts must agree",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn whoever_sets_the_clock_is_found_by_what_it_leaves() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::below(root.path());
        assert_eq!(set(&machine).verdict, Verdict::Warn);
        fs::create_dir_all(root.path().join("run/chrony")).unwrap();
        fs::write(root.path().join("run/chrony/chronyd.pid"), "1").unwrap();
        assert_eq!(set(&machine).found, "by chrony");
    }

    #[test]
    fn a_slow_source_is_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/devices/system/clocksource/clocksource0");
        fs::create_dir_all(&folder).unwrap();
        let of = |name: &str| {
            fs::write(folder.join("current_clocksource"), format!("{name}\n")).unwrap();
            source(&Machine::below(root.path())).verdict
        };
        assert_eq!((of("tsc"), of("hpet")), (Verdict::Ok, Verdict::Warn));
    }
}
