//! The filter of system calls that an engine and all that it starts live under.
//!
//! It ends whoever tries what no engine does: looking into other processes, mounting, changing namespaces, loading code
//! into the kernel, or setting the machine up. Most of it takes capabilities that are gone anyway; here it takes no bug in the
//! kernel to be kept from it. QEMU adds a filter of its own (`-sandbox`) against starting programs, Firecracker has its own
//! list of what it does.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use crate::error::Jammed;

/// What ends the process.
const DEADLY: [c_long; 52] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_vhangup,
];

/// What is answered as by a kernel that does not have it: QEMU's loop goes on without, and the kernel's bugs were many.
const ABSENT: [c_long; 3] = [
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Lives under the filter from here on, for good. It takes that no new privileges can be had.
pub(crate) fn filter() -> Result<(), Jammed> {
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    for (calls, action) in [(&ABSENT[..], absent), (&DEADLY[..], SeccompAction::KillProcess)] {
        apply_filter(&compile(calls, action)?)?;
    }
    Ok(())
}

fn compile(calls: &[c_long], action: SeccompAction) -> Result<BpfProgram, seccompiler::Error> {
    let rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_compiled_for_this_machine() {
        for calls in [&ABSENT[..], &DEADLY[..]] {
            assert!(compile(calls, SeccompAction::KillProcess).unwrap().len() > calls.len());
        }
    }
}
