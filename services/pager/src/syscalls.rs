//! The filter of system calls: what serving takes, and nothing else. Anything else is the end of the process; its VM then
//! ends as that of any pager that dies.

use std::collections::BTreeMap;
use std::io;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use crate::error::Death;

/// What it may do.
const ALLOWED: [c_long; 57] = [
    // Sockets that are there, and connections to them.
    libc::SYS_accept4,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    // Waiting, and the time until when.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_epoll_wait,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // The working set and the log; what is opened here is opened as nobody.
    libc::SYS_close,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_getcwd,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_read,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Memory of its own.
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // The engine, and its own end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
];

/// The type of userfaultfd's requests, in their second byte (`linux/userfaultfd.h`).
const USERFAULTFD: u64 = 0xAA;

/// Lives under the filter from here on, for good.
pub(crate) fn filter() -> Result<(), Death> {
    let failed = |error: seccompiler::Error| Death::setup("filter system calls")(io::Error::other(error));
    let program = compile().map_err(failed)?;
    apply_filter(&program).map_err(failed)
}

fn compile() -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<_, _> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let argument = |number, operation, value| {
        SeccompCondition::new(number, SeccompCmpArgLen::Qword, operation, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    // Other requests go to devices, and it has none.
    let request = argument(1, SeccompCmpOp::MaskedEq(0xFF00), USERFAULTFD << 8)?;
    rules.insert(libc::SYS_ioctl, vec![request]);
    // Memory that is written and then run is how a program is made to do what it was not written for.
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let plain = argument(2, SeccompCmpOp::MaskedEq(executable), 0)?;
        rules.insert(call, vec![plain]);
    }
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let (otherwise, allowed) = (SeccompAction::KillProcess, SeccompAction::Allow);
    Ok(SeccompFilter::new(rules, otherwise, allowed, arch)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Says to this test, started once more, what it is to try.
    const TRY: &str = "ROOST_TEST_TRY";

    #[test]
    fn what_is_not_allowed_is_the_end() {
        if let Some(what) = std::env::var_os(TRY) {
            filter().unwrap();
            match what.to_str().unwrap() {
                "serve" => {
                    std::fs::read_to_string("/proc/self/stat").unwrap();
                    return;
                }
                "exec" => drop(Command::new("/bin/true").status()),
                "socket" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
                "terminal" => drop(nix::sys::termios::tcgetattr(std::io::stdin())),
                "thread" => drop(std::thread::spawn(|| ())),
                "kill" => drop(nix::sys::signal::kill(nix::unistd::getppid(), None)),
                other => panic!("{other}"),
            }
            panic!("it went on");
        }
        let own = std::env::current_exe().unwrap();
        let name = "syscalls::tests::what_is_not_allowed_is_the_end";
        let ended = |what: &str| {
            let mut again = Command::new(&own);
            again.args(["--exact", name, "--nocapture", "--test-threads=1"]);
            again.env(TRY, what).output().unwrap().status
        };
        for what in ["exec", "socket", "terminal", "thread", "kill"] {
            assert_eq!(ended(what).signal(), Some(libc::SIGSYS), "{what}");
        }
        assert!(ended("serve").success());
    }
}
