//! The clock: deadlines of commands, ends of sandboxes and guests' clocks come from it. Leases do not: they are counted from the
//! machine's start.

use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use super::machine::Machine;

const SOURCE: &str = "clock source";
const SET: &str = "clock set";
const AGREES: &str = "clock agrees";
/// How far a guest's clock may be off after it was restored, which is told the host's.
const OFF: SignedDuration = SignedDuration::from_millis(500);
/// Half of the time that a gateway gives a command: of two machines that are off by so much, one on each side, the one refuses as
/// too late whatever the other sends.
const FAR_OFF: SignedDuration = SignedDuration::from_secs(15);
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

/// Whether this machine's clock and nats-server's are the same. `theirs` was read somewhen from `asked` to `told`.
pub(super) fn agrees(theirs: Timestamp, asked: Timestamp, told: Timestamp) -> Finding {
    let (ahead, behind) = (asked.duration_since(theirs), theirs.duration_since(told));
    let (off, word) = if ahead > behind {
        (ahead, "ahead of")
    } else {
        (behind, "behind")
    };
    if off <= OFF {
        return Finding::ok(AGREES, "with nats-server's");
    }
    let found = format!("{:.1} s {word} nats-server's", off.as_secs_f64());
    if off < FAR_OFF {
        let remedy = "have both machines' clocks set from the same place: guests' clocks, deadlines of commands and ends of \
                      sandboxes are off by as much";
        return Finding::warn(AGREES, found, remedy);
    }
    let remedy = "have both machines' clocks set from the same place: commands come too late here, or sandboxes end too early";
    Finding::fail(AGREES, found, remedy)
}

/// The same when nats-server does not tell its time.
pub(super) fn unknown(reason: impl std::fmt::Display) -> Finding {
    let found = format!("nats-server does not tell its time: {reason}");
    Finding::warn(AGREES, found, "start it with Roost's nats.conf")
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
    fn a_clock_that_is_off_is_told_by_how_much_and_a_slow_answer_is_not_held_against_it() {
        let at = |milliseconds: i64| Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap();
        let of = |theirs, told| agrees(at(theirs), at(0), at(told));
        for (theirs, told, expected) in [
            (0, 1, Verdict::Ok),
            (400, 1, Verdict::Ok),
            (3_000, 4_000, Verdict::Ok),
            (2_000, 1, Verdict::Warn),
            (-2_000, 1, Verdict::Warn),
            (20_000, 1, Verdict::Fail),
            (-20_000, 1, Verdict::Fail),
        ] {
            assert_eq!(of(theirs, told).verdict, expected, "{theirs} {told}");
        }
        assert_eq!(of(2_000, 0).found, "2.0 s behind nats-server's");
        assert_eq!(of(-2_000, 0).found, "2.0 s ahead of nats-server's");
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
