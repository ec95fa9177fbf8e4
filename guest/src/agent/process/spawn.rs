//! Starting a process: the helper becomes the command, or says through the status pipe why it could not.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

use command_fds::{CommandFdExt, FdMapping};
use connectrpc::{ConnectError, ErrorCode};
use nix::errno::Errno;
use roost_schemas::output::Channel;
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::input::Input;
use super::output::Source;
use super::plan::{Plan, Streams};
use super::terminal::{self, Keyboard, Screen};
use crate::exec::{self, PIPES, STATUS_FD, Step, TERMINAL};

/// The program that becomes the command: this one.
const HELPER: &str = "/proc/self/exe";

/// A process that runs.
pub(in crate::agent) struct Spawned {
    /// Its id, which is its session's and its group's too.
    pub(in crate::agent) pid: u32,
    /// To wait for it.
    pub(in crate::agent) child: Child,
    /// Its input.
    pub(super) input: Input,
    /// Its output, by channel.
    pub(in crate::agent) sources: Vec<Source>,
}

/// Why a process was not started.
#[derive(Debug, Error)]
pub(in crate::agent) enum SpawnError {
    #[error("command {0:?} does not exist in the sandbox")]
    NoCommand(String),
    #[error("command {0:?} cannot be executed: {1}")]
    NotExecutable(String, io::Error),
    #[error("working directory {0:?}: {1}")]
    Directory(PathBuf, io::Error),
    #[error("cannot become user {0:?}: {1}")]
    Identity(String, io::Error),
    #[error("cannot take the terminal: {0}")]
    Terminal(io::Error),
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
            SpawnError::Identity(..) | SpawnError::Terminal(_) | SpawnError::System(_) => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// Starts `plan` with the helper program and returns once the command itself runs.
pub(in crate::agent) async fn spawn(plan: &Plan) -> Result<Spawned, SpawnError> {
    let (status, status_writer) = io::pipe()?;
    let status = pipe::Receiver::from_owned_fd(OwnedFd::from(status))?;
    let mut command = command(plan, OwnedFd::from(status_writer))?;
    let terminal = connect(&mut command, plan.streams)?;
    let spawned = command.spawn();
    // Closes our copies of what the process holds now: ends would not be seen otherwise.
    drop(command);
    let mut child = spawned.map_err(|error| {
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
    let pid = child
        .id()
        .ok_or_else(|| io::Error::other("the new process has no id"))?;
    let (input, sources) = streams(terminal, &mut child);
    Ok(Spawned {
        pid,
        child,
        input,
        sources,
    })
}

/// The command line of the helper.
fn command(plan: &Plan, status: OwnedFd) -> io::Result<Command> {
    let user = &plan.user;
    let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
    let streams = match plan.streams {
        Streams::Terminal(_) => TERMINAL,
        Streams::Pipes { .. } => PIPES,
    };
    let mut command = std::process::Command::new(HELPER);
    command
        .arg("exec")
        .arg(plan.group.name())
        .args([user.uid.to_string(), user.gid.to_string(), groups.join(",")])
        .arg(streams)
        .arg(&plan.directory)
        .arg(&plan.program)
        .args(&plan.args)
        .env_clear()
        .envs(&plan.env)
        .fd_mappings(vec![FdMapping {
            parent_fd: status,
            child_fd: STATUS_FD,
        }])
        .map_err(io::Error::other)?;
    Ok(command.into())
}

/// Gives the command its standard streams; answers with our sides of its terminal.
fn connect(command: &mut Command, streams: Streams) -> io::Result<Option<(Keyboard, Screen)>> {
    match streams {
        Streams::Pipes { stdin } => {
            command
                .stdin(if stdin { Stdio::piped() } else { Stdio::null() })
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            Ok(None)
        }
        Streams::Terminal(size) => {
            let (keyboard, screen, theirs) = terminal::open(size)?;
            command
                .stdin(theirs.try_clone()?)
                .stdout(theirs.try_clone()?)
                .stderr(theirs);
            Ok(Some((keyboard, screen)))
        }
    }
}

/// Our sides of the standard streams.
fn streams(terminal: Option<(Keyboard, Screen)>, child: &mut Child) -> (Input, Vec<Source>) {
    if let Some((keyboard, screen)) = terminal {
        let source = Source {
            channel: Channel::Pty,
            stream: Box::new(screen),
        };
        return (Input::terminal(keyboard), vec![source]);
    }
    let stdout = child.stdout.take().map(|pipe| Source {
        channel: Channel::Stdout,
        stream: Box::new(pipe),
    });
    let stderr = child.stderr.take().map(|pipe| Source {
        channel: Channel::Stderr,
        stream: Box::new(pipe),
    });
    (
        Input::pipe(child.stdin.take()),
        stdout.into_iter().chain(stderr).collect(),
    )
}

/// Waits for the status pipe to close: silent when the command started.
async fn failure(mut status: pipe::Receiver, plan: &Plan) -> io::Result<Option<SpawnError>> {
    let mut text = String::new();
    status.read_to_string(&mut text).await?;
    Ok(exec::parse_status(&text).map(|(step, error)| match step {
        Step::Identity => SpawnError::Identity(plan.user.name.clone(), error),
        Step::Terminal => SpawnError::Terminal(error),
        Step::Directory => SpawnError::Directory(plan.directory.clone(), error),
        Step::Command => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENOTDIR) => SpawnError::NoCommand(plan.program.clone()),
            Some(Errno::E2BIG) => SpawnError::TooLong,
            _ => SpawnError::NotExecutable(plan.program.clone(), error),
        },
    }))
}
