//! The last steps before a command runs, taken in the new process itself.
//!
//! Between fork and exec only unsafe code can run; so the agent starts this program again instead, which leaves the
//! agent's control group and priority, becomes a session leader, takes its terminal, becomes the right user, and then
//! the command. A step that fails is told to the agent through a pipe that closes by itself when the command starts.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::{Gid, Uid, chdir, close, fchown, setgid, setgroups, setsid, setuid};
use rustix::process::{ioctl_tiocsctty, setpriority_process};

use crate::cgroups::Group;
use crate::init::OPEN_FILES;

/// Where the agent puts the writing end of the status pipe.
pub(crate) const STATUS_FD: i32 = 3;

/// Commands die before the agent does when the guest runs out of memory.
const OOM_SCORE: &str = "100";

/// The word for a command whose standard streams are a terminal.
pub(crate) const TERMINAL: &str = "terminal";
/// The word for a command whose standard streams are pipes.
pub(crate) const PIPES: &str = "pipes";

/// What failed, as one line on the status pipe: the step and the error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Becoming a session leader of the right user, with limits of its own.
    Identity,
    /// Taking the terminal.
    Terminal,
    /// Entering the working directory.
    Directory,
    /// Starting the command.
    Command,
}

impl Step {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Identity, "identity"),
        (Self::Terminal, "terminal"),
        (Self::Directory, "directory"),
        (Self::Command, "command"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(step, _)| *step == self)
            .map_or("", |(_, name)| name)
    }
}

/// Reads what [`run`] wrote: nothing when the command was started.
pub(crate) fn parse_status(text: &str) -> Option<(Step, io::Error)> {
    let (name, number) = text.trim_end().split_once(' ')?;
    let (step, _) = Step::ALL.iter().find(|(_, known)| *known == name)?;
    Some((*step, io::Error::from_raw_os_error(number.parse().ok()?)))
}

/// Becomes the command: `exec CONTROL-GROUP UID GID GROUP,GROUP terminal|pipes DIRECTORY COMMAND ARGUMENT…`, with the
/// environment it was given.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok(mut status) = own_status_pipe() else {
        return ExitCode::from(2);
    };
    let Some((step, error)) = become_command(&mut args) else {
        return ExitCode::from(2);
    };
    let _ = write!(
        status,
        "{} {}",
        step.name(),
        error.raw_os_error().unwrap_or_default()
    );
    ExitCode::from(127)
}

/// Opens the pipe again, because a descriptor got by opening closes at exec and needs no unsafe claim of ownership.
fn own_status_pipe() -> io::Result<File> {
    let pipe = OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{STATUS_FD}"))?;
    close(STATUS_FD)?;
    Ok(pipe)
}

/// Returns only when a step failed, or `None` when the arguments make no sense.
fn become_command(args: &mut impl Iterator<Item = OsString>) -> Option<(Step, io::Error)> {
    let control = Group::named(args.next()?.to_str()?)?;
    let mut number = || args.next()?.to_str()?.parse().ok();
    let (uid, gid) = (Uid::from_raw(number()?), Gid::from_raw(number()?));
    let groups: Vec<Gid> = args.next()?.to_str()?.split(',').map_while(parse_gid).collect();
    let terminal = args.next()?.to_str()? == TERMINAL;
    let directory = args.next()?;
    let command = args.next()?;
    if let Err(error) = leave_agent(control) {
        return Some((Step::Identity, error));
    }
    if terminal && let Err(error) = take_terminal(uid) {
        return Some((Step::Terminal, error));
    }
    if let Err(error) = become_user(uid, gid, &groups) {
        return Some((Step::Identity, error));
    }
    if let Err(error) = chdir(directory.as_os_str()) {
        return Some((Step::Directory, error.into()));
    }
    Some((Step::Command, Command::new(command).args(args).exec()))
}

fn parse_gid(text: &str) -> Option<Gid> {
    text.parse().ok().map(Gid::from_raw)
}

/// Sheds what the agent has and a command must not: its group, priority, limits, signal mask and session.
fn leave_agent(control: Group) -> io::Result<()> {
    control.enter()?;
    fs::write("/proc/self/oom_score_adj", OOM_SCORE)?;
    setpriority_process(None, 0)?;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES.0, OPEN_FILES.1)?;
    SigSet::empty().thread_set_mask()?;
    setsid()?;
    Ok(())
}

/// Makes standard input the session's terminal, and its user's own: `mesg`, `screen` and `sudo` ask whose it is.
fn take_terminal(user: Uid) -> io::Result<()> {
    let terminal = io::stdin();
    ioctl_tiocsctty(&terminal)?;
    fchown(&terminal, Some(user), None)?;
    Ok(())
}

fn become_user(uid: Uid, gid: Gid, groups: &[Gid]) -> io::Result<()> {
    setgroups(groups)?;
    setgid(gid)?;
    setuid(uid)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_back() {
        for (step, name) in Step::ALL {
            let (read, error) = parse_status(&format!("{name} 2")).unwrap();
            assert_eq!((read, error.raw_os_error()), (step, Some(2)));
        }
    }

    #[test]
    fn silence_and_nonsense_are_no_failure() {
        for text in ["", "\n", "command", "elsewhere 2", "command x"] {
            assert!(parse_status(text).is_none(), "{text:?}");
        }
    }
}
