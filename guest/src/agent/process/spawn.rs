//! Starting a process: the helper becomes the command, or says through the status pipe why it could not.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use command_fds::{CommandFdExt, FdMapping};
use connectrpc::{ConnectError, ErrorCode};
use nix::errno::Errno;
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::plan::Plan;
use crate::exec::{self, STATUS_FD, Step};

/// A process that runs.
pub(super) struct Spawned {
    /// Its id, which is its session's and its group's too.
    pub(super) pid: u32,
    /// To wait for it.
    pub(super) child: Child,
    /// Its input, when it is a pipe.
    pub(super) stdin: Option<ChildStdin>,
    /// Its output.
    pub(super) stdout: ChildStdout,
    /// Its errors.
    pub(super) stderr: ChildStderr,
}

/// Why a process was not started.
#[derive(Debug, Error)]
pub(super) enum SpawnError {
    #[error("command {0:?} does not exist in the sandbox")]
    NoCommand(String),
    #[error("command {0:?} cannot be executed: {1}")]
    NotExecutable(String, io::Error),
    #[error("working directory {0:?}: {1}")]
    Directory(PathBuf, io::Error),
    #[error("cannot become user {0:?}: {1}")]
    Identity(String, io::Error),
    #[error("arguments and environment are longer than Linux accepts")]
    TooLong,
    #[error("cannot start a process: {0}")]
    System(#[from] io::Error),
}

impl From<SpawnError> for ConnectError {
    fn from(error: SpawnError) -> Self {
        let code = match &error {
            SpawnError::NoCommand(_) => ErrorCode::NotFound,
            SpawnError::NotExecutable(_, cause) if cause.kind() == ErrorKind::PermissionDenied => {
                ErrorCode::PermissionDenied
            }
            SpawnError::NotExecutable(..) | SpawnError::Directory(..) | SpawnError::TooLong => {
                ErrorCode::InvalidArgument
            }
            SpawnError::System(cause) if cause.kind() == ErrorKind::WouldBlock => {
                ErrorCode::ResourceExhausted
            }
            SpawnError::Identity(..) | SpawnError::System(_) => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// Starts `plan` with the helper program and returns once the command itself runs.
pub(super) async fn spawn(helper: &Path, plan: &Plan) -> Result<Spawned, SpawnError> {
    let (status, status_writer) = io::pipe()?;
    let status = pipe::Receiver::from_owned_fd(OwnedFd::from(status))?;
    let mut child = command(helper, plan, OwnedFd::from(status_writer))?
        .spawn()
        .map_err(|error| {
            if error.raw_os_error() == Some(Errno::E2BIG as i32) {
                SpawnError::TooLong
            } else {
                error.into()
            }
        })?;
    if let Some(error) = failure(status, plan).await? {
        child.wait().await?;
        return Err(error);
    }
    let gone = || io::Error::other("a pipe of the new process is missing");
    Ok(Spawned {
        pid: child.id().ok_or_else(gone)?,
        stdin: child.stdin.take(),
        stdout: child.stdout.take().ok_or_else(gone)?,
        stderr: child.stderr.take().ok_or_else(gone)?,
        child,
    })
}

/// The command line of the helper. Dropping the result closes our end of the status pipe.
fn command(helper: &Path, plan: &Plan, status: OwnedFd) -> io::Result<Command> {
    let user = &plan.user;
    let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
    let mut command = std::process::Command::new(helper);
    command
        .arg("exec")
        .args([user.uid.to_string(), user.gid.to_string(), groups.join(",")])
        .arg(&plan.directory)
        .arg(&plan.program)
        .args(&plan.args)
        .env_clear()
        .envs(&plan.env)
        .stdin(if plan.stdin { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .fd_mappings(vec![FdMapping {
            parent_fd: status,
            child_fd: STATUS_FD,
        }])
        .map_err(io::Error::other)?;
    Ok(command.into())
}

/// Waits for the status pipe to close: silent when the command started.
async fn failure(mut status: pipe::Receiver, plan: &Plan) -> io::Result<Option<SpawnError>> {
    let mut text = String::new();
    status.read_to_string(&mut text).await?;
    Ok(exec::parse_status(&text).map(|(step, error)| match step {
        Step::Identity => SpawnError::Identity(plan.user.name.clone(), error),
        Step::Directory => SpawnError::Directory(plan.directory.clone(), error),
        Step::Command => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENOTDIR) => SpawnError::NoCommand(plan.program.clone()),
            Some(Errno::E2BIG) => SpawnError::TooLong,
            _ => SpawnError::NotExecutable(plan.program.clone(), error),
        },
    }))
}
