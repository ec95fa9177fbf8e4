//! The way out that no code of ours decides on: a fault of the pager's own, as when the manifest is cut short under its
//! mapping. Even then the engine goes first.

#![allow(
    unsafe_code,
    reason = "handlers of signals are installed, and send one, by system calls that nothing safe wraps"
)]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::error::Death;

/// The engine's pidfd, or [`NONE`].
static ENGINE: AtomicI32 = AtomicI32::new(NONE);
const NONE: i32 = -1;

/// What a fault of the program's own sends.
const FAULTS: [Signal; 5] = [
    Signal::SIGBUS,
    Signal::SIGSEGV,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGABRT,
];

/// Has the engine killed, if there is one by then, before such a signal ends the pager.
pub(crate) fn prepare() -> Result<(), Death> {
    // Without the handler the fault comes again when that returns, and is the end. A stack that has overflown is not
    // where it runs: Rust has set another one up.
    let flags = SaFlags::SA_RESETHAND | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::Handler(strike), flags, SigSet::empty());
    for signal in FAULTS {
        // SAFETY: the handler loads a number and makes one system call, which may be done at any point of a program.
        unsafe { sigaction(signal, &action) }.map_err(Death::setup("watch for faults of its own"))?;
    }
    Ok(())
}

/// From now on that engine is meant, until [`disarm`], which comes before the pidfd is closed.
pub(crate) fn arm(engine: BorrowedFd<'_>) {
    ENGINE.store(engine.as_raw_fd(), Ordering::Relaxed);
}

/// No engine is meant any more.
pub(crate) fn disarm() {
    ENGINE.store(NONE, Ordering::Relaxed);
}

extern "C" fn strike(_: libc::c_int) {
    let engine = ENGINE.load(Ordering::Relaxed);
    let no_details = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open while it is there to be loaded, and another number would be an error only.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, engine, libc::SIGKILL, no_details, 0) };
}
