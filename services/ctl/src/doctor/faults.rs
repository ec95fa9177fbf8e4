//! userfaultfd: by which memory is restored page by page.

use std::fs::OpenOptions;
use std::io::ErrorKind;

use super::finding::Finding;
use super::machine::Machine;

const CHECK: &str = "userfaultfd";
/// Whether a process without rights may have faults of the kernel's own, too.
const UNPRIVILEGED: &str = "proc/sys/vm/unprivileged_userfaultfd";

pub(super) fn check(machine: &Machine) -> Finding {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(machine.at("dev/userfaultfd"));
    match (device, machine.read(UNPRIVILEGED)) {
        (Ok(_), _) => Finding::ok(CHECK, "/dev/userfaultfd"),
        (Err(error), Some(_)) if error.kind() == ErrorKind::PermissionDenied => Finding::fail(
            CHECK,
            "/dev/userfaultfd may not be opened",
            "run the host as root, which gives each engine the access it needs",
        ),
        (Err(_), Some(allowed)) if allowed == "1" => Finding::ok(CHECK, "by the system call, for everyone"),
        (Err(_), Some(_)) => Finding::warn(
            CHECK,
            "by the system call, for root alone",
            "use Linux 6.1 or newer, which has /dev/userfaultfd; or sysctl vm.unprivileged_userfaultfd=1",
        ),
        (Err(_), None) => Finding::fail(
            CHECK,
            "this kernel has none",
            "use a kernel with CONFIG_USERFAULTFD=y, as distributions' have",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_device_is_better_than_the_system_call_and_that_better_than_nothing() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::below(root.path());
        let verdict = || check(&machine).verdict;
        assert_eq!(verdict(), Verdict::Fail);
        std::fs::create_dir_all(root.path().join("proc/sys/vm")).unwrap();
        std::fs::write(root.path().join(UNPRIVILEGED), "0\n").unwrap();
        assert_eq!(verdict(), Verdict::Warn);
        std::fs::write(root.path().join(UNPRIVILEGED), "1\n").unwrap();
        assert_eq!(verdict(), Verdict::Ok);
        std::fs::create_dir_all(root.path().join("dev")).unwrap();
        std::fs::write(root.path().join("dev/userfaultfd"), "").unwrap();
        assert_eq!(check(&machine).found, "/dev/userfaultfd");
    }
}
