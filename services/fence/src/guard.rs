//! The fence itself: until when VMs may run, and what is done about it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::control::Status;
use crate::engines;
use crate::tree;

/// How often a closed fence looks for engines that were started meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(crate) struct Guard {
    run: PathBuf,
    boot_id: String,
    /// Until when VMs may run, by `CLOCK_BOOTTIME`.
    until: Duration,
    /// What was done last; nothing yet when it begins, because a fence before it may have left VMs standing still.
    open: Option<bool>,
}

impl Guard {
    pub(crate) fn new(run: PathBuf, boot_id: String, until: Duration) -> Self {
        Self {
            run,
            boot_id,
            until,
            open: None,
        }
    }

    /// Moves it on, never back.
    pub(crate) fn extend(&mut self, until: Duration) {
        self.until = self.until.max(until);
    }

    /// Does what is to be done at `now`; answers when to look again.
    pub(crate) fn settle(&mut self, now: Duration) -> Duration {
        if now < self.until {
            if self.open != Some(true) {
                self.go_on();
            }
            return self.until;
        }
        self.stop();
        now + LOOK_AGAIN
    }

    pub(crate) fn status(&self, now: Duration) -> Status {
        Status {
            open: now < self.until,
            until_ms: u64::try_from(self.until.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Whether there is anything left to guard.
    pub(crate) fn has_a_host(&self) -> bool {
        self.run.exists()
    }

    /// Stops every engine, and those that were started since the last time.
    pub(crate) fn stop(&mut self) {
        let told = self.each(tree::stop);
        if self.open.replace(false) != Some(false) {
            eprintln!("closed; {told} processes stand still");
        }
    }

    fn go_on(&mut self) {
        let told = self.each(tree::go_on);
        self.open = Some(true);
        eprintln!("open; {told} processes go on");
    }

    fn each(&self, tell: impl Fn(&engines::Engine) -> usize) -> usize {
        let (engines, errors) = engines::recorded(&self.run);
        for error in errors {
            eprintln!("an engine is not known: {error}");
        }
        let here = engines.iter().filter(|engine| engine.boot_id == self.boot_id);
        here.map(tell).sum()
    }
}

/// The boot that the machine is in.
pub(crate) fn boot_id() -> std::io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}
