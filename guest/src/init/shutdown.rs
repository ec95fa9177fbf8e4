//! The end of the machine: processes stopped, drives clean, engine gone.

use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, process};

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, sync};

use super::report;
use crate::boot::DATA;
use crate::log::say;

/// How long processes may take after SIGTERM, and again after SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(5);

/// Stops everything, makes the writable drive clean and ends the machine.
pub(super) fn run() -> ! {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        // All but PID 1. When a parent ends, its children become ours: none left means nobody left.
        let _ = kill(Pid::from_raw(-1), signal);
        if all_ended(GRACE) {
            break;
        }
    }
    sync();
    for target in ["/", DATA] {
        report("make a drive clean", remount_read_only(target));
    }
    power_off()
}

/// Ends the machine at once.
///
/// By resetting it: an engine that runs one guest ends when the guest resets, while Firecracker has no power switch to
/// press. A triple fault is the reset every engine sees at once; the keyboard controller may be missing and its probing
/// takes more than a second.
pub(crate) fn power_off() -> ! {
    sync();
    report(
        "choose the way to reset",
        fs::write("/sys/kernel/reboot/type", "triple"),
    );
    let Err(error) = reboot(RebootMode::RB_AUTOBOOT);
    say!("cannot reset: {error}");
    // Ending PID 1 panics the kernel, which `panic=1` turns into a reset as well.
    process::exit(1)
}

fn remount_read_only(target: &str) -> nix::Result<()> {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    nix::mount::mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
}

fn all_ended(within: Duration) -> bool {
    let deadline = Instant::now() + within;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return true,
            Ok(WaitStatus::StillAlive) if Instant::now() > deadline => return false,
            Ok(WaitStatus::StillAlive) => sleep(POLL),
            Ok(_) | Err(_) => {}
        }
    }
}
