//! Following one program to its end.

use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures::{Stream, StreamExt};
use roost_client::{Refused, Socket};
use roost_schemas::{ProcessId, SandboxId};
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::message::{self, Channel, End, Message, Start, Status};
use super::{Input, Size};
use crate::exit::{Ended, NOT_STARTED, NOT_THE_PROGRAM};
use crate::output::{note, visible};
use crate::remote::Session;

/// How long a broken connection is tried again, and the pause before each try.
const RETRY: (Duration, Duration) = (Duration::from_mins(2), Duration::from_millis(500));

/// What the gateway calls failures that pass.
const PASSING: [&str; 4] = [
    "unavailable",
    "no_capacity",
    "guest_unreachable",
    "deadline_exceeded",
];

/// How it came to an end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The program ended, with this exit code.
    Exit(i32),
    /// The user left; the program goes on.
    Left,
    /// The user interrupted more than once; the program was asked to end.
    Interrupted,
    /// Nothing came for as long as was wanted; the program goes on.
    Quiet,
}

/// A program, and what is to be done with it.
pub(crate) struct Follow<'a> {
    session: &'a Session,
    sandbox: &'a SandboxId,
    /// What to start, as long as nobody has confirmed it.
    start: Option<(Start, String)>,
    process: Option<ProcessId>,
    read: Read,
    input: Option<mpsc::Receiver<Input>>,
    sizes: Option<Pin<Box<dyn Stream<Item = Size> + Send>>>,
    /// The user's interrupts, which ask it to end.
    interrupts: Option<(Signal, u32)>,
    /// After how long a silence to stop.
    quiet: Option<Quiet>,
    /// Whether there was a connection: only then one that fails is worth waiting for.
    connected: bool,
}

/// After how long a silence all that is kept was shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet {
    /// Before anything came: the log may take its time to find it.
    pub(crate) first: Duration,
    /// After something did.
    pub(crate) then: Duration,
}

/// How much of each channel was shown.
#[derive(Debug, Default, Clone, Copy)]
struct Read {
    stdout: u64,
    stderr: u64,
    pty: u64,
}

/// What the gateway last said to have failed.
struct Failed {
    code: String,
    message: String,
}

/// What a connection came to.
enum Step {
    Finish(Finish),
    Broken(anyhow::Error),
}

impl<'a> Follow<'a> {
    /// A program that is to be started.
    pub(crate) fn start(session: &'a Session, sandbox: &'a SandboxId, start: Start) -> Self {
        let key = uuid::Uuid::new_v4().simple().to_string();
        Self {
            start: Some((start, key)),
            ..Self::at(session, sandbox, None)
        }
    }

    /// A program that was started before, from its beginning.
    pub(crate) fn attach(session: &'a Session, sandbox: &'a SandboxId, process: ProcessId) -> Self {
        Self::at(session, sandbox, Some(process))
    }

    fn at(session: &'a Session, sandbox: &'a SandboxId, process: Option<ProcessId>) -> Self {
        Self {
            session,
            sandbox,
            start: None,
            process,
            read: Read::default(),
            input: None,
            sizes: None,
            interrupts: None,
            quiet: None,
            connected: false,
        }
    }

    /// Gives it input.
    #[must_use]
    pub(crate) fn with_input(mut self, input: mpsc::Receiver<Input>) -> Self {
        self.input = Some(input);
        self
    }

    /// Tells it new sizes of its terminal.
    #[must_use]
    pub(crate) fn with_sizes(mut self, sizes: impl Stream<Item = Size> + Send + 'static) -> Self {
        self.sizes = Some(Box::pin(sizes));
        self
    }

    /// Asks it to end when the user interrupts, and leaves it when that happens again.
    pub(crate) fn with_interrupts(mut self) -> Result<Self> {
        let interrupts = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
        self.interrupts = Some((interrupts, 0));
        Ok(self)
    }

    /// Stops when nothing comes any more.
    #[must_use]
    pub(crate) fn until_quiet(mut self, quiet: Quiet) -> Self {
        self.quiet = Some(quiet);
        self
    }

    /// Its id, once it was started.
    pub(crate) fn process(&self) -> Option<&ProcessId> {
        self.process.as_ref()
    }

    /// Follows it until it ends, or the user leaves.
    pub(crate) async fn run(&mut self) -> Result<Finish> {
        let (patience, pause) = RETRY;
        let mut broken_since = None;
        loop {
            let before = self.read.total();
            let error = match self.connection().await? {
                Step::Finish(finish) => return Ok(finish),
                Step::Broken(error) => error,
            };
            if self.read.total() > before {
                broken_since = None;
            }
            let since = *broken_since.get_or_insert_with(Instant::now);
            if since.elapsed() > patience {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    /// Lives through one connection.
    async fn connection(&mut self) -> Result<Step> {
        let mut socket = match self.open().await {
            Ok(socket) => socket,
            Err(error) if self.connected && may_pass(&error) => return Ok(Step::Broken(error)),
            Err(error) => return Err(error),
        };
        self.connected = true;
        let mut failed = None;
        loop {
            let told = tokio::select! {
                message = socket.next() => match message {
                    Ok(Some(message)) => {
                        // It goes on, so that only one message was not to be carried out.
                        if let Some(Failed { message, .. }) = failed.take() {
                            note(visible(&message));
                        }
                        if let Message::Error { code, message } = message {
                            failed = Some(Failed { code, message });
                        } else if let Some(finish) = self.take(message).await? {
                            socket.close().await;
                            return Ok(Step::Finish(finish));
                        }
                        continue;
                    }
                    Ok(None) => return closed(failed, self.process.is_some()),
                    Err(error) => return Ok(Step::Broken(error)),
                },
                input = typed(&mut self.input) => match input {
                    Some(Input::Leave) => return Ok(Step::Finish(Finish::Left)),
                    Some(Input::Bytes(bytes)) => message::stdin(&bytes),
                    None => {
                        self.input = None;
                        message::close_stdin()
                    }
                },
                Some(size) = resized(&mut self.sizes) => message::resize(size),
                count = interrupted(&mut self.interrupts) => match count {
                    1 => {
                        note("asked it to end; interrupt once more to leave it to itself");
                        message::terminate()
                    }
                    _ => return Ok(Step::Finish(Finish::Interrupted)),
                },
                () = silence(self.quiet, self.read.total() > 0) => return Ok(Step::Finish(Finish::Quiet)),
            };
            if let Err(error) = socket.send(&told).await {
                return Ok(Step::Broken(error));
            }
        }
    }

    async fn open(&self) -> Result<Socket> {
        let path = format!("/v1/sandboxes/{}/exec/stream", self.sandbox);
        let api = &self.session.api;
        if let Some(process) = &self.process {
            let Read { stdout, stderr, pty } = self.read;
            let path = format!("{path}?process={process}&stdout={stdout}&stderr={stderr}&pty={pty}");
            return api.socket(&path, &[]).await;
        }
        let (start, key) = self.start.as_ref().context("either started, or to be")?;
        let mut socket = api.socket(&path, &[("idempotency-key", key)]).await?;
        socket.send(&start.message()?).await?;
        Ok(socket)
    }

    /// Shows what the program wrote; answers how it ended, if it has.
    async fn take(&mut self, message: Message) -> Result<Option<Finish>> {
        match message {
            Message::Started { process_id } => self.process = Some(process_id),
            Message::Output {
                channel,
                offset,
                data,
            } => {
                self.read.reach(channel, offset + data.len() as u64);
                show(channel, &data).await?;
            }
            Message::Gap { channel, from, to } => {
                self.read.reach(channel, to);
                note(format!("{} bytes are not kept any more", to.saturating_sub(from)));
            }
            Message::End(end) => return finish(end).map(Some),
            Message::Error { .. } => {}
        }
        Ok(None)
    }
}

impl Read {
    fn reach(&mut self, channel: Channel, offset: u64) {
        let read = match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
            Channel::Pty => &mut self.pty,
        };
        *read = offset.max(*read);
    }

    fn total(self) -> u64 {
        self.stdout + self.stderr + self.pty
    }
}

/// Whether trying again may help.
fn may_pass(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_none_or(|refused| matches!(refused.status.as_u16(), 429 | 502..=504))
}

/// What a stream came to that the gateway closed before the program's end.
/// One that does not run yet need not be waited for.
fn closed(failed: Option<Failed>, runs: bool) -> Result<Step> {
    match failed {
        Some(Failed { code, message }) if !runs || !PASSING.contains(&code.as_str()) => bail!(message),
        Some(Failed { message, .. }) => Ok(Step::Broken(anyhow!(message))),
        None => Ok(Step::Broken(anyhow!("the gateway closed the stream"))),
    }
}

async fn typed(input: &mut Option<mpsc::Receiver<Input>>) -> Option<Input> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
    }
}

async fn resized(sizes: &mut Option<Pin<Box<dyn Stream<Item = Size> + Send>>>) -> Option<Size> {
    match sizes {
        Some(sizes) => sizes.next().await,
        None => std::future::pending().await,
    }
}

/// Counts the user's interrupts.
async fn interrupted(interrupts: &mut Option<(Signal, u32)>) -> u32 {
    match interrupts {
        Some((signal, count)) => {
            signal.recv().await;
            *count += 1;
            *count
        }
        None => std::future::pending().await,
    }
}

async fn silence(quiet: Option<Quiet>, came: bool) {
    match quiet {
        Some(Quiet { then, .. }) if came => sleep(then).await,
        Some(Quiet { first, .. }) => sleep(first).await,
        None => std::future::pending().await,
    }
}

/// Writes what the program wrote where it wrote it.
async fn show(channel: Channel, data: &[u8]) -> Result<()> {
    if channel == Channel::Stderr {
        let mut stderr = tokio::io::stderr();
        stderr.write_all(data).await?;
        return Ok(stderr.flush().await?);
    }
    let mut stdout = tokio::io::stdout();
    stdout.write_all(data).await?;
    Ok(stdout.flush().await?)
}

fn finish(end: End) -> Result<Finish> {
    let End {
        status,
        exit_code,
        reason,
    } = end;
    let reason = || visible(&reason.unwrap_or_default());
    match (status, exit_code) {
        (Status::NotStarted, _) => Err(Ended {
            code: NOT_STARTED,
            message: format!("the program could not be started: {}", reason()),
        }
        .into()),
        (Status::Unknown, _) | (_, None) => Err(Ended {
            code: NOT_THE_PROGRAM,
            message: format!("nobody knows how the program ended: {}", reason()),
        }
        .into()),
        (_, Some(code)) => Ok(Finish::Exit(code)),
    }
}
