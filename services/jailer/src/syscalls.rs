//! The filters of system calls that an engine and all that it starts live under.
//!
//! ```text
//!   deadly     what no engine does: looking into other processes, mounting, namespaces, the machine    the end
//!   allowed    what one may do                                                                          done
//!   the rest   of this kernel and of those to come, and numbers of another kind (x32)                   ENOSYS
//! ```
//!
//! The rest is answered as by a kernel that does not have it, which is what libraries are written to get along with: so a
//! release of QEMU or of the C library that has learnt a new call goes on by the old one. Most of what is deadly takes capabilities
//! that are gone anyway; here it takes no bug in the kernel to be kept from it. QEMU adds a filter of its own (`-sandbox`)
//! against starting programs; Firecracker, which this jailer does not start, has its own list of what it does.

mod allowed;
mod deadly;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use crate::error::Jammed;
use allowed::{ALLOWED, FAMILIES};
use deadly::DEADLY;

/// Flags of clone(2) that make namespaces: one of users would give all capabilities within it. clone3(2) is among the rest,
/// because a filter cannot see its flags; C libraries then call clone.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// The rules by which a call is meant; none means whatever its arguments are.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Lives under the filters from here on, for good. It takes that no new privileges can be had.
pub(crate) fn filter() -> Result<(), Jammed> {
    for program in [deadly()?, allowed()?] {
        apply_filter(&program)?;
    }
    Ok(())
}

/// Ends whoever does what is deadly.
fn deadly() -> Result<BpfProgram, Error> {
    let mut rules = of(&DEADLY);
    let made = NAMESPACES.map(|flag| argument(0, SeccompCmpOp::MaskedEq(bits(flag)), bits(flag)));
    rules.insert(libc::SYS_clone, made.into_iter().collect::<Result<_, _>>()?);
    compile(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

/// Lets through what is allowed.
fn allowed() -> Result<BpfProgram, Error> {
    let mut rules = of(&ALLOWED);
    let every = NAMESPACES.iter().fold(0, |all, flag| all | bits(*flag));
    let none = argument(0, SeccompCmpOp::MaskedEq(every), 0)?;
    rules.insert(libc::SYS_clone, vec![none]);
    let families = FAMILIES.map(|family| argument(0, SeccompCmpOp::Eq, bits(family)));
    rules.insert(libc::SYS_socket, families.into_iter().collect::<Result<_, _>>()?);
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    compile(rules, absent, SeccompAction::Allow)
}

fn of(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn argument(number: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompRule, Error> {
    let condition = SeccompCondition::new(number, SeccompCmpArgLen::Dword, operation, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

fn bits(flags: i32) -> u64 {
    flags.cast_unsigned().into()
}

fn compile(rules: Rules, otherwise: SeccompAction, meant: SeccompAction) -> Result<BpfProgram, Error> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, meant, arch)?.try_into()?)
}
