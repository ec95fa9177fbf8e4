//! userfaultfd: by which memory is restored page by page.

use std::fs::OpenOptions;
use std::io::ErrorKind;

use super::finding::Finding;
use super::machine::Machine;

const CHECK: &str = "userfaultfd";
/// Whether a process without rights, as every engine is, may have faults of the kernel's own reported, too.
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
        // Engines run in jails, as nobody in particular: nothing would be restored.
        (Err(_), Some(_)) => Finding::fail(
            CHECK,
            "by the system call, for root alone, which no engine is",
            "sysctl vm.unprivileged_userfaultfd=1; or use Linux 6.1 or newer, which has /dev/userfaultfd",
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
    fn what_an_engine_without_rights_may_use_is_found() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::below(root.path());
        let verdict = || check(&machine).verdict;
        assert_eq!(verdict(), Verdict::Fail);
        std::fs::create_dir_all(root.path().join("proc/sys/vm")).unwrap();
        std::fs::write(root.path().join(UNPRIVILEGED), "0\n").unwrap();
        assert_eq!(verdict(), Verdict::Fail);
        std::fs::write(root.path().join(UNPRIVILEGED), "1\n").unwrap();
        assert_eq!(verdict(), Verdict::Ok);
        std::fs::create_dir_all(root.path().join("dev")).unwrap();
        std::fs::write(root.path().join("dev/userfaultfd"), "").unwrap();
        assert_eq!(check(&machine).found, "/dev/userfaultfd");
    }
}
