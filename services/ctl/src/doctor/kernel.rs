//! The kernel and its architecture.

use super::finding::Finding;
use super::machine::Machine;
use super::versions;

const CHECK: &str = "kernel";
/// The first long-term release with every system call that is made, of which `close_range` is the newest; also the oldest that
/// Firecracker supports. Whether engines may use userfaultfd there is a check of its own.
const OLDEST: (u32, u32) = (5, 10);

pub(super) fn check(machine: &Machine) -> Finding {
    let Some(release) = machine.read("proc/sys/kernel/osrelease") else {
        return Finding::fail(
            CHECK,
            "it does not tell its release",
            "mount /proc; Roost runs on Linux alone",
        );
    };
    judge(&release, std::env::consts::ARCH)
}

fn judge(release: &str, architecture: &str) -> Finding {
    let found = format!("Linux {release} on {architecture}");
    if architecture != "x86_64" {
        return Finding::fail(
            CHECK,
            found,
            "use a machine with an x86-64 processor: images and engines are made for it",
        );
    }
    match versions::leading(release) {
        None => Finding::warn(
            CHECK,
            found,
            format!("check that it is {}.{} or newer", OLDEST.0, OLDEST.1),
        ),
        Some(version) if version < OLDEST => {
            let remedy = format!(
                "install Linux {}.{} or newer; Debian 12 has one",
                OLDEST.0, OLDEST.1
            );
            Finding::fail(CHECK, found, remedy)
        }
        Some(_) => Finding::ok(CHECK, found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn old_kernels_and_other_processors_are_told_from_good_ones() {
        for (release, expected) in [
            ("6.1.0-18-cloud-amd64", Verdict::Ok),
            ("10.0", Verdict::Ok),
            ("5.10.0", Verdict::Ok),
            ("5.9.16", Verdict::Fail),
            ("next", Verdict::Warn),
        ] {
            assert_eq!(judge(release, "x86_64").verdict, expected, "{release}");
        }
        assert_eq!(judge("6.1.0", "aarch64").verdict, Verdict::Fail);
    }
}
