//! Process creation on a thread of its own.
//!
//! Entering a network namespace changes the calling thread, so it must not happen on a worker of the runtime: the
//! thread made here enters, spawns and ends.

use super::{Launch, LaunchError};
use crate::process::{ProcessId, reap};
use rustix::{
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsFd, fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    thread,
};
use tokio::sync::oneshot;

/// A new process that dies unless it is kept.
#[derive(Debug)]
pub(super) struct Spawned {
    identity: ProcessId,
    pidfd: Option<OwnedFd>,
}

impl Spawned {
    pub(super) fn identity(&self) -> &ProcessId {
        &self.identity
    }

    /// Hands the process over; when `take` fails it is killed after all.
    pub(super) fn keep<T>(mut self, take: impl FnOnce(OwnedFd) -> io::Result<T>) -> io::Result<T> {
        let Some(pidfd) = self.pidfd.as_ref() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let kept = take(pidfd.try_clone()?)?;
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

/// Spawns what `launch` says. A dropped future kills the process: the unreceived [`Spawned`] is dropped.
pub(super) async fn on_own_thread(launch: Launch) -> Result<Spawned, LaunchError> {
    let (sender, receiver) = oneshot::channel();
    let program = launch.binary.clone();
    let failed = |source: io::Error| LaunchError::Spawn {
        path: program.clone(),
        source,
    };
    thread::Builder::new()
        .name("roost-spawn".to_owned())
        .spawn(move || drop(sender.send(enter_and_spawn(&launch))))
        .map_err(failed)?;
    receiver
        .await
        .map_err(|_| failed(io::Error::other("the spawning thread panicked")))?
}

fn enter_and_spawn(launch: &Launch) -> Result<Spawned, LaunchError> {
    if let (Some(netns), None) = (&launch.netns, &launch.jail) {
        enter(netns).map_err(|source| LaunchError::Netns {
            path: netns.clone(),
            source,
        })?;
    }
    let argv = launch.argv();
    let failed = |source: io::Error| LaunchError::Spawn {
        path: argv.program.clone(),
        source,
    };
    let log = |source: io::Error| LaunchError::Log {
        path: launch.log.clone(),
        source,
    };
    let stdout = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&launch.log)
        .map_err(log)?;
    let stderr = stdout.try_clone().map_err(log)?;
    let mut command = Command::new(&argv.program);
    command.args(&argv.args).current_dir(&launch.dir);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // Out of our process group: Ctrl-C at our terminal is not meant for the guests.
    command.process_group(0);
    // Our environment holds keys; an engine, which runs untrusted code, needs to find programs at most.
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let child = command.spawn().map_err(failed)?;
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
    })
}

fn enter(netns: &Path) -> io::Result<()> {
    let namespace = File::open(netns)?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}
