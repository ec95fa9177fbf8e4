//! What becomes of each call, by running the filters as the kernel does.

use super::*;

/// What a filter answers (`linux/seccomp.h`), as far as these do.
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ABSENT: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();

/// Where `struct seccomp_data` has the call's number, the machine, and the arguments.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;
/// `AUDIT_ARCH_X86_64` (`linux/audit.h`).
const X86_64: u32 = 0xC000_003E;
/// What x32 adds to a call's number (`asm/unistd.h`).
const X32: u32 = 0x4000_0000;

/// What both filters together answer to a call with this number and first argument: the stricter (seccomp(2)).
fn answer(number: u32, first: u32) -> u32 {
    let answers = [deadly().unwrap(), allowed().unwrap()].map(|program| run(&program, number, first));
    let strictness = |answer: &u32| match *answer {
        KILL => 0,
        ABSENT => 1,
        ALLOW => 2,
        other => panic!("{other:#x}"),
    };
    answers.into_iter().min_by_key(strictness).unwrap()
}

fn run(program: &BpfProgram, number: u32, first: u32) -> u32 {
    let (mut at, mut held) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
        // BPF_LD|W|ABS, ALU|AND|K, JMP|JA, JMP|JEQ|K, JMP|JGT|K, JMP|JGE|K, RET|K (`linux/bpf_common.h`).
        match step.code {
            0x20 => held = load(step.k, number, first),
            0x54 => held &= step.k,
            0x05 => at += usize::try_from(step.k).unwrap(),
            0x15 => at += jump(held == step.k),
            0x25 => at += jump(held > step.k),
            0x35 => at += jump(held >= step.k),
            0x06 => return step.k,
            other => panic!("{other:#x}"),
        }
    }
}

fn load(offset: u32, number: u32, first: u32) -> u32 {
    match offset {
        NUMBER => number,
        MACHINE => X86_64,
        ARGUMENTS => first,
        other => panic!("no filter looks at {other}"),
    }
}

fn number(call: c_long) -> u32 {
    call.try_into().unwrap()
}

#[test]
fn what_is_listed_is_done_or_deadly_and_nothing_is_both() {
    for call in ALLOWED {
        assert_eq!(answer(number(call), 0), ALLOW, "{call}");
        assert_eq!(answer(number(call) | X32, 0), ABSENT, "{call} of x32");
    }
    for call in DEADLY {
        assert_eq!(answer(number(call), 0), KILL, "{call}");
    }
}

#[test]
fn the_rest_is_not_there_and_nor_is_what_kernels_will_learn() {
    let listed = |call: &u32| {
        let clone_or_socket = [libc::SYS_clone, libc::SYS_socket];
        let mut all = ALLOWED.iter().chain(&DEADLY).chain(&clone_or_socket);
        all.any(|listed| number(*listed) == *call)
    };
    for call in (0..1000).filter(|call| !listed(call)) {
        assert_eq!(answer(call, 0), ABSENT, "{call}");
    }
    for call in [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_symlinkat,
        libc::SYS_linkat,
        libc::SYS_renameat2,
    ] {
        assert_eq!(answer(number(call), 0), ABSENT, "{call}");
    }
}

#[test]
fn threads_and_programs_are_started_and_namespaces_are_not() {
    let clone = |flags: i32| answer(number(libc::SYS_clone), flags.cast_unsigned());
    let thread =
        libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
    assert_eq!(clone(thread), ALLOW);
    assert_eq!(clone(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD), ALLOW);
    for namespace in NAMESPACES {
        assert_eq!(clone(namespace | libc::SIGCHLD), KILL, "{namespace:#x}");
    }
}

#[test]
fn sockets_are_of_few_kinds() {
    let socket = |family: i32| answer(number(libc::SYS_socket), family.cast_unsigned());
    for family in 0..=46 {
        let expected = if FAMILIES.contains(&family) { ALLOW } else { ABSENT };
        assert_eq!(socket(family), expected, "{family}");
    }
}
