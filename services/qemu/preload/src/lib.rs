//! Loaded into QEMU: registers the guest's memory with userfaultfd and hands the descriptor to `roost-qemu`.
//!
//! ```text
//!   roost-qemu ──spawn: LD_PRELOAD, ROOST_UFFD=<memory fd>,<socket fd>──▶ QEMU
//!                                         mmap(memory, shared) ──▶ userfaultfd, register
//!   roost-qemu ◀── base, size (2 × u64) and the descriptor, by SCM_RIGHTS ──┘
//! ```
//!
//! A userfaultfd belongs to the address space that creates it, so it must be made inside QEMU, and before QEMU first
//! touches the memory: at the moment it is mapped. Whatever goes wrong ends QEMU with a last word on stderr, because a
//! guest whose faults nobody serves would read zeros.
//!
//! One file and no dependencies: it is built by the build script of `roost-qemu` with the compiler alone. Layouts and
//! numbers are those of x86-64 Linux, from `linux/userfaultfd.h` and `bits/socket.h`.

#![expect(
    unsafe_code,
    reason = "it replaces a function of the C library and speaks to the kernel"
)]

use std::{
    env,
    ffi::{c_char, c_int, c_long, c_ulong, c_void},
    io,
    mem::{self, MaybeUninit},
    ptr,
};

const SYS_MMAP: c_long = 9;
const SYS_USERFAULTFD: c_long = 323;
const MAP_SHARED: c_int = 1;
const O_RDWR_CLOEXEC: c_int = 0o2 | O_CLOEXEC;
const O_CLOEXEC: c_int = 0o2_000_000;
const O_NONBLOCK: c_int = 0o4_000;
const SOL_SOCKET: c_int = 1;
const SCM_RIGHTS: c_int = 1;

/// What the device gives instead of the system call: `USERFAULTFD_IOC_NEW`.
const IOC_NEW: c_ulong = 0xAA00;
const UFFDIO_API: c_ulong = 0xC018_AA3F;
const UFFDIO_REGISTER: c_ulong = 0xC020_AA00;
const API_VERSION: u64 = 0xAA;
const FEATURE_EVENT_REMOVE: u64 = 1 << 3;
const FEATURE_MISSING_SHMEM: u64 = 1 << 5;
const MODE_MISSING: u64 = 1;

/// `struct uffdio_api`.
#[repr(C)]
struct Api {
    version: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

/// The part of `struct stat` that says which file it is, and the rest.
#[repr(C)]
struct Stat {
    dev: u64,
    ino: u64,
    rest: [u64; 16],
}

/// `struct iovec`.
#[repr(C)]
struct IoVec {
    base: *const c_void,
    len: usize,
}

/// `struct cmsghdr` with one descriptor, as long as `CMSG_SPACE(4)`.
#[repr(C)]
struct Rights {
    len: usize,
    level: c_int,
    kind: c_int,
    descriptor: c_int,
    padding: c_int,
}

/// `struct msghdr`.
#[repr(C)]
struct Message {
    name: *const c_void,
    name_len: u32,
    parts: *const IoVec,
    parts_len: usize,
    control: *const Rights,
    control_len: usize,
    flags: c_int,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn close(fd: c_int) -> c_int;
    fn fstat(fd: c_int, stat: *mut Stat) -> c_int;
    fn sendmsg(fd: c_int, message: *const Message, flags: c_int) -> isize;
    fn _exit(code: c_int) -> !;
}

/// The descriptors QEMU inherited for this library.
struct Inherited {
    memory: c_int,
    socket: c_int,
}

/// Stands in for the C library's `mmap`.
///
/// # Safety
///
/// That of `mmap(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: c_long,
) -> *mut c_void {
    // SAFETY: the caller's own request, passed on to the kernel as it is; `syscall` reports errors as `mmap` does: -1
    // and errno.
    let mapped = unsafe {
        syscall(
            SYS_MMAP,
            address,
            length,
            c_long::from(protection),
            c_long::from(flags),
            c_long::from(fd),
            offset,
        )
    };
    let Ok(base) = usize::try_from(mapped) else {
        return ptr::without_provenance_mut(usize::MAX); // MAP_FAILED
    };
    if fd >= 0
        && flags & MAP_SHARED != 0
        && let Some(inherited) = inherited()
        && same_file(fd, inherited.memory)
    {
        hand_over(base as u64, length as u64, inherited.socket);
    }
    ptr::with_exposed_provenance_mut(base)
}

/// The same under the name that programs with 64-bit file offsets call.
///
/// # Safety
///
/// That of `mmap(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: c_long,
) -> *mut c_void {
    // SAFETY: the caller keeps the promises of `mmap(2)`.
    unsafe { mmap(address, length, protection, flags, fd, offset) }
}

fn inherited() -> Option<Inherited> {
    let said = env::var("ROOST_UFFD").ok()?;
    let (memory, socket) = said.split_once(',')?;
    Some(Inherited {
        memory: memory.parse().ok()?,
        socket: socket.parse().ok()?,
    })
}

/// QEMU opens the memory by its path in `/proc`, so it has a descriptor of its own for it.
fn same_file(one: c_int, other: c_int) -> bool {
    let identify = |fd| {
        let mut stat = MaybeUninit::<Stat>::zeroed();
        // SAFETY: `Stat` has the size of `struct stat`, and any bytes are a valid one.
        let stat = unsafe { (fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }?;
        Some((stat.dev, stat.ino))
    };
    identify(one).is_some_and(|file| identify(other) == Some(file))
}

/// Has the range's missing pages reported, and gives away the descriptor to answer them with.
fn hand_over(base: u64, size: u64, socket: c_int) {
    let uffd = new_userfaultfd();
    let mut api = Api {
        version: API_VERSION,
        features: FEATURE_EVENT_REMOVE | FEATURE_MISSING_SHMEM,
        ioctls: 0,
    };
    // SAFETY: the structure is the one this request reads and writes, and outlives the call.
    if unsafe { ioctl(uffd, UFFDIO_API, &raw mut api) } != 0 {
        give_up("agree with the kernel on userfaultfd");
    }
    let mut register = Register {
        start: base,
        len: size,
        mode: MODE_MISSING,
        ioctls: 0,
    };
    // SAFETY: as above; the range has just been mapped.
    if unsafe { ioctl(uffd, UFFDIO_REGISTER, &raw mut register) } != 0 {
        give_up("register guest memory with userfaultfd");
    }
    send(base, size, uffd, socket);
    // The userfaultfd stays open here: pages that are missing when its last descriptor closes would read as zeros.
    // SAFETY: the socket was inherited for this message alone, and nothing else in QEMU knows of it.
    unsafe { close(socket) };
}

/// A userfaultfd that also reports faults the kernel runs into on QEMU's behalf, when it reads a disk, say.
fn new_userfaultfd() -> c_int {
    let flags = O_CLOEXEC | O_NONBLOCK;
    // SAFETY: the call takes flags only.
    let by_call = unsafe { syscall(SYS_USERFAULTFD, c_long::from(flags)) };
    if let Ok(uffd @ 0..) = c_int::try_from(by_call) {
        return uffd;
    }
    // The call needs a privilege where `vm.unprivileged_userfaultfd` is 0; the device needs access to its file.
    // SAFETY: the path ends in a zero, and the request takes flags only.
    let by_device = unsafe {
        let device = open(c"/dev/userfaultfd".as_ptr(), O_RDWR_CLOEXEC);
        if device < 0 {
            give_up("get a userfaultfd; run as root or grant access to /dev/userfaultfd");
        }
        let uffd = ioctl(device, IOC_NEW, c_long::from(flags));
        close(device);
        uffd
    };
    if by_device < 0 {
        give_up("get a userfaultfd from /dev/userfaultfd");
    }
    by_device
}

fn send(base: u64, size: u64, uffd: c_int, socket: c_int) {
    let body = [base.to_le_bytes(), size.to_le_bytes()].concat();
    let part = IoVec {
        base: body.as_ptr().cast(),
        len: body.len(),
    };
    let rights = Rights {
        len: mem::offset_of!(Rights, padding),
        level: SOL_SOCKET,
        kind: SCM_RIGHTS,
        descriptor: uffd,
        padding: 0,
    };
    let message = Message {
        name: ptr::null(),
        name_len: 0,
        parts: &raw const part,
        parts_len: 1,
        control: &raw const rights,
        control_len: size_of::<Rights>(),
        flags: 0,
    };
    // SAFETY: all that the message points to outlives the call.
    let sent = unsafe { sendmsg(socket, &raw const message, 0) };
    if usize::try_from(sent) != Ok(body.len()) {
        give_up("tell roost-qemu where guest memory is");
    }
}

/// Ends QEMU with a last word.
fn give_up(what: &str) -> ! {
    eprintln!("roost-preload: cannot {what}: {}", io::Error::last_os_error());
    // SAFETY: ends the process, whatever its state.
    unsafe { _exit(1) }
}
