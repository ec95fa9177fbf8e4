//! Running other programs so that none of them outlives the wish for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// A program in a process group of its own, which is killed as a whole if this is dropped before it ended.
///
/// The group also keeps a terminal's Ctrl-C away from it: the tool decides what stops, and in which order.
pub struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    /// Starts `command` as the leader of a new group, without standard input.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!("cannot start {program}: check that it is installed, in PATH and executable")
            })?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, leader })
    }

    /// Waits for the leader's end.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self
            .child
            .wait()
            .await
            .context("cannot wait for a child process")?;
        self.leader = None;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may have ended by itself meanwhile; then there is nobody to kill.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Runs `command` to its end and returns what it printed; a failure quotes the last lines of both streams.
pub async fn run(command: &mut Command) -> Result<String> {
    let shown = describe(command);
    let mut group = Group::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let mut out = group
        .child
        .stdout
        .take()
        .context("standard output was asked to be a pipe")?;
    let mut err = group
        .child
        .stderr
        .take()
        .context("standard error was asked to be a pipe")?;
    let (mut text, mut errors) = (Vec::new(), Vec::new());
    let (read_out, read_err) = tokio::join!(out.read_to_end(&mut text), err.read_to_end(&mut errors));
    read_out
        .and(read_err)
        .with_context(|| format!("cannot read what {shown} prints"))?;
    let status = group.wait().await?;
    let text = String::from_utf8_lossy(&text).into_owned();
    if !status.success() {
        let both = format!("{text}\n{}", String::from_utf8_lossy(&errors));
        bail!("{shown} failed ({status}); its last words:\n{}", tail(&both, 20));
    }
    Ok(text)
}

/// One of a program's output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Runs `command`, giving each line of `stream` to `line`; what it writes to the other one is shown as it comes.
pub async fn run_lines(
    command: &mut Command,
    stream: Stream,
    mut line: impl FnMut(&str),
) -> Result<ExitStatus> {
    match stream {
        Stream::Out => command.stdout(Stdio::piped()),
        Stream::Err => command.stderr(Stdio::piped()),
    };
    let mut group = Group::spawn(command)?;
    let source: Option<Pin<Box<dyn AsyncRead + Send>>> = match stream {
        Stream::Out => group.child.stdout.take().map(|out| Box::pin(out) as _),
        Stream::Err => group.child.stderr.take().map(|err| Box::pin(err) as _),
    };
    let mut reader = BufReader::new(source.context("the stream was asked to be a pipe")?);
    let mut bytes = Vec::new();
    // Not `lines()`: what a test prints need not be UTF-8.
    while reader
        .read_until(b'\n', &mut bytes)
        .await
        .context("cannot read a child's output")?
        > 0
    {
        line(String::from_utf8_lossy(&bytes).trim_end_matches('\n'));
        bytes.clear();
    }
    group.wait().await
}

/// The command line, for messages.
pub fn describe(command: &Command) -> String {
    let command = command.as_std();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last `count` lines of `text`.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A program of this name in `PATH`, or in the folders where Debian keeps administrators' programs.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// `PATH` with the folder of `program` first, so that children find the same one.
pub fn path_with(program: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = program.parent().map(Path::to_path_buf);
    std::env::join_paths(folder.into_iter().chain(std::env::split_paths(&path))).unwrap_or(path)
}
