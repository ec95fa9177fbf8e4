//! Process creation on a thread of its own.
//!
//! Entering a network namespace changes the calling thread, so it must not happen on a worker of the runtime: the
//! thread made here enters, spawns and ends.

use super::LaunchError;
use crate::process::{Process, ProcessId, reap};
use nix::sched::{CloneFlags, unshare};
use rustix::{
    fs::{Access, access},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io,
    os::{fd::AsFd, fd::OwnedFd},
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    thread,
};
use tokio::sync::oneshot;

/// Starts its arguments in a new session: `setsid(1)` of util-linux, which becomes the program itself, its pid the same.
const SETSID: &str = "setsid";

/// A program to be started so that it depends on nobody afterwards: in a session of its own, without our environment and
/// descriptors, its output in a file.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory, which must be there.
    pub dir: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// Network namespace to start in, as a path like `/run/netns/roost-7`.
    pub netns: Option<PathBuf>,
    /// Whether it is the init of a pid namespace of its own: then all that it starts sees nothing else and ends with it.
    pub alone: bool,
    /// Whether its standard output is read by [`Spawned::stdout`] instead of going to the log.
    pub announces: bool,
}

/// A new process that dies unless it is kept.
#[derive(Debug)]
pub struct Spawned {
    identity: ProcessId,
    pidfd: Option<OwnedFd>,
    stdout: Option<ChildStdout>,
}

impl Daemon {
    /// Starts it. A dropped future kills the process: the unreceived [`Spawned`] is dropped.
    pub async fn spawn(self) -> Result<Spawned, LaunchError> {
        let (sender, receiver) = oneshot::channel();
        let program = self.program.clone();
        let failed = |source: io::Error| LaunchError::Spawn {
            path: program.clone(),
            source,
        };
        thread::Builder::new()
            .name("roost-spawn".to_owned())
            .spawn(move || drop(sender.send(enter_and_spawn(&self))))
            .map_err(failed)?;
        receiver
            .await
            .map_err(|_| failed(io::Error::other("the spawning thread panicked")))?
    }
}

impl Spawned {
    /// What tells the process from every other.
    pub fn identity(&self) -> &ProcessId {
        &self.identity
    }

    /// What it prints, once, if it [announces](Daemon::announces) something.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Lets it live on. Must be called inside a tokio runtime with I/O enabled; when this fails it is killed after all.
    pub fn keep(mut self) -> io::Result<Process> {
        let Some(pidfd) = self.pidfd.as_ref() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let kept = Process::hold(self.identity.clone(), pidfd.try_clone()?)?;
        self.pidfd = None;
        Ok(kept)
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let Some(pidfd) = self.pidfd.take() else { return };
        // A failure means that it ended by itself; either way it is reaped below, as soon as it is a zombie.
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        thread::spawn(move || {
            let mut poll = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
            let _ = rustix::event::poll(&mut poll, None);
            reap(&pidfd)
        });
    }
}

fn enter_and_spawn(daemon: &Daemon) -> Result<Spawned, LaunchError> {
    if let Some(netns) = &daemon.netns {
        enter(netns).map_err(|source| LaunchError::Netns {
            path: netns.clone(),
            source,
        })?;
    }
    if daemon.alone {
        // Holds for the children of this thread alone, the one that is spawned below: our child it is all the same.
        unshare(CloneFlags::CLONE_NEWPID).map_err(|error| LaunchError::Spawn {
            path: daemon.program.clone(),
            source: error.into(),
        })?;
    }
    // What is wrong with the program would else be told by its log alone.
    access(&daemon.program, Access::EXEC_OK).map_err(|error| LaunchError::Spawn {
        path: daemon.program.clone(),
        source: error.into(),
    })?;
    let failed = |source: io::Error| LaunchError::Spawn {
        path: SETSID.into(),
        source,
    };
    let log = |source: io::Error| LaunchError::Log {
        path: daemon.log.clone(),
        source,
    };
    let stderr = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&daemon.log)
        .map_err(log)?;
    let stdout = if daemon.announces {
        Stdio::piped()
    } else {
        stderr.try_clone().map_err(log)?.into()
    };
    // Out of our session: when we end, the kernel sends SIGHUP to a group of it that has stopped processes and nobody else
    // to wait for (setpgid(2)), which would be the end of a VM that is only to stand still. Ctrl-C at our terminal is not
    // meant for the guests either.
    let mut command = Command::new(SETSID);
    command.arg(&daemon.program).args(&daemon.args);
    command.current_dir(&daemon.dir);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // Our environment holds keys; an engine, which runs untrusted code, needs to find programs at most.
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let mut child = command.spawn().map_err(failed)?;
    // Nothing has waited for the child, so its pid still names it.
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| failed(error.into()))?;
    let identity = ProcessId::of(pid).map_err(failed)?;
    Ok(Spawned {
        identity,
        pidfd: Some(pidfd),
        stdout: child.stdout.take(),
    })
}

fn enter(netns: &Path) -> io::Result<()> {
    let namespace = File::open(netns)?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}
