//! What the process does to itself: signals as a descriptor, hard to kill for want of memory, nothing inherited.

use std::fs::{self, File};
use std::io::{self, Write};

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::process::DumpableBehavior;

use crate::error::Death;

/// Less than an engine has, so that no pager dies for want of memory while its VM lives.
const OOM_SCORE: &str = "-900";
/// What is said on stdout.
const READY: &[u8] = b"ready\n";

/// Makes the process hard to kill and closed to others, with nothing open but the standard streams.
#[allow(
    unsafe_code,
    reason = "descriptors that nobody in this process owns can be closed by number only"
)]
pub(crate) fn settle() -> Result<(), Death> {
    // SAFETY: this is the first thing that the process does, so that no part of it owns any of them.
    if unsafe { libc::close_range(3, libc::c_uint::MAX, 0) } != 0 {
        return Err(Death::setup("close what was inherited")(
            io::Error::last_os_error(),
        ));
    }
    // Only root may lower it; whoever runs without is no worse off than other programs.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    // An engine that was taken over must not find other guests' memory by way of its pager.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(Death::setup("become undumpable"))
}

/// The signals that end a pager, as a descriptor. What the terminal or the session sends ends it in the same way as what
/// a service manager sends: never without its engine.
pub(crate) fn signals() -> Result<SignalFd, Death> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block().map_err(Death::setup("block signals"))?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(Death::setup("watch for signals"))
}

/// Says that both sockets listen, and lets go of stdin and stdout: who started the pager may end before it.
pub(crate) fn say_ready() -> Result<(), Death> {
    let mut stdout = io::stdout();
    stdout
        .write_all(READY)
        .and_then(|()| stdout.flush())
        .map_err(Death::setup("say that it is ready"))?;
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(Death::setup("open /dev/null"))?;
    rustix::stdio::dup2_stdin(&null).map_err(Death::setup("let go of stdin"))?;
    rustix::stdio::dup2_stdout(&null).map_err(Death::setup("let go of stdout"))
}

/// A word for the log, if there still is one.
pub(crate) fn remark(word: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{word}");
}
