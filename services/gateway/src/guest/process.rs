//! What is done to a program that runs.

use std::time::Duration;

use bytes::Bytes;
use connectrpc::client::CallOptions;
use connectrpc::{ConnectError, ErrorCode};
use futures::StreamExt;
use futures::stream::BoxStream;
use roost_schemas::command::{MAX_EXEC_TIMEOUT_SEC, PtySize};
use roost_schemas::envd::process::__buffa::oneof::process_input::Input;
use roost_schemas::envd::process::__buffa::oneof::process_selector::Selector;
use roost_schemas::envd::process::pty::Size;
use roost_schemas::envd::process::{
    CloseStdinRequest, ConnectRequest, ConnectResponse, PTY, ProcessEvent, ProcessInput, ProcessSelector,
    SendInputRequest, SendSignalRequest, Signal, UpdateRequest,
};
use roost_schemas::event::{ProcessOrigin, ProcessStarted, SandboxEvent};
use roost_schemas::{ProcessId, SandboxId, Sequence};
use tokio::time::{Instant, sleep};

use super::{Agent, Context};
use crate::error::ApiError;
use crate::state::Gateway;

/// How long a program that the log has may be unknown to its guest: its host starts it as soon as it is recorded.
const STARTING: Duration = Duration::from_secs(10);
/// The pause before its guest is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a program may be followed: as long as it may run.
const FOLLOWED: Duration = Duration::from_secs(MAX_EXEC_TIMEOUT_SEC as u64);
/// How long input may wait for a program that does not read.
const INPUT: Duration = Duration::from_hours(24);

/// What happens to a program, as its agent tells it.
pub(crate) type Events = BoxStream<'static, Result<ProcessEvent, ConnectError>>;

/// A program, as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// By the id that the log has, which is its tag in the guest if a command started it.
    Id(ProcessId),
    /// By the guest's own number.
    Pid(u32),
}

/// What is done to it.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Its standard input gets this.
    Write(Bytes),
    /// Its terminal gets this.
    Type(Bytes),
    /// Its standard input ends.
    Close,
    /// Its terminal gets this size.
    Resize(PtySize),
    /// It gets this signal.
    Signal(Signal),
}

impl Program {
    /// Digits are a pid; anything else is an id.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        if text.bytes().all(|b| b.is_ascii_digit())
            && let Ok(pid) = text.parse()
        {
            return Ok(Self::Pid(pid));
        }
        ProcessId::new(text)
            .map(Self::Id)
            .map_err(|error| ApiError::invalid(error.to_string()))
    }

    fn selector(&self) -> ProcessSelector {
        let selector = match self {
            Self::Id(process) => Selector::Tag(process.to_string()),
            Self::Pid(pid) => Selector::Pid(*pid),
        };
        ProcessSelector {
            selector: Some(selector),
        }
    }
}

impl Gateway {
    /// Does `act` to a program of `sandbox`. One that the log has, but its guest not yet, is waited for.
    pub(crate) async fn act(
        &self,
        sandbox: &SandboxId,
        program: &Program,
        act: &Act,
    ) -> Result<(), ApiError> {
        let deadline = Instant::now() + STARTING;
        loop {
            let agent = self.agent(sandbox).await?;
            match agent.act(program, act).await {
                Err(error)
                    if error.code == ErrorCode::NotFound
                        && Instant::now() < deadline
                        && self.runs(sandbox, program) =>
                {
                    sleep(PAUSE).await;
                }
                done => return done.map_err(|error| Context::processes(sandbox).rpc(error)),
            }
        }
    }

    /// Whether the log says that a command started the program, and that it has not ended.
    fn runs(&self, sandbox: &SandboxId, program: &Program) -> bool {
        let Program::Id(process) = program else {
            return false;
        };
        self.fleet().read(|fleet| {
            let view = fleet.sandbox(self.tenant(), sandbox);
            let origin = view.and_then(|view| view.state.processes.get(process));
            origin.is_some_and(ProcessOrigin::is_command)
        })
    }

    /// What the log tells of the start of `process`, and where.
    pub(crate) async fn started(
        &self,
        sandbox: &SandboxId,
        process: &ProcessId,
    ) -> Result<Option<(Sequence, ProcessStarted)>, ApiError> {
        self.walk(sandbox, Sequence::default(), |sequence, commit| {
            commit.events.iter().find_map(|event| match event {
                SandboxEvent::ProcessStarted(started) if started.process == *process => {
                    Some((sequence, started.clone()))
                }
                _ => None,
            })
        })
        .await
    }
}

impl Agent {
    /// Follows a program: what is held of its output, and what comes.
    pub(crate) async fn follow(&self, program: &Program) -> Result<Events, ConnectError> {
        let request = ConnectRequest {
            process: program.selector().into(),
        };
        let options = CallOptions::default().with_timeout(FOLLOWED);
        let stream = self.processes().connect_with_options(request, options).await?;
        let events = futures::stream::unfold(Some(stream), |stream| async {
            let mut stream = stream?;
            match stream.message::<ConnectResponse>().await {
                Ok(Some(message)) => {
                    let event = message.to_owned_message().event.into_option();
                    Some((Ok(event.unwrap_or_default()), Some(stream)))
                }
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(events.boxed())
    }

    async fn act(&self, program: &Program, act: &Act) -> Result<(), ConnectError> {
        let process = program.selector();
        let client = self.processes();
        match act {
            Act::Write(data) => self.input(process, Input::Stdin(data.clone())).await,
            Act::Type(data) => self.input(process, Input::Pty(data.clone())).await,
            Act::Close => {
                let process = process.into();
                client.close_stdin(CloseStdinRequest { process }).await.map(drop)
            }
            Act::Resize(PtySize { cols, rows }) => {
                let (cols, rows) = ((*cols).into(), (*rows).into());
                let size = Size { cols, rows }.into();
                let request = UpdateRequest {
                    process: process.into(),
                    pty: PTY { size }.into(),
                };
                client.update(request).await.map(drop)
            }
            Act::Signal(signal) => {
                let request = SendSignalRequest {
                    process: process.into(),
                    signal: (*signal).into(),
                };
                client.send_signal(request).await.map(drop)
            }
        }
    }

    async fn input(&self, process: ProcessSelector, input: Input) -> Result<(), ConnectError> {
        let request = SendInputRequest {
            process: process.into(),
            input: ProcessInput { input: Some(input) }.into(),
        };
        let options = CallOptions::default().with_timeout(INPUT);
        let client = self.processes();
        client.send_input_with_options(request, options).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_pid_and_words_an_id() {
        assert_eq!(Program::parse("17").unwrap(), Program::Pid(17));
        let id = ProcessId::new("p17").unwrap();
        assert_eq!(Program::parse("p17").unwrap(), Program::Id(id));
        // More than any pid can be, so an id after all.
        assert!(matches!(Program::parse("99999999999").unwrap(), Program::Id(_)));
        assert!(Program::parse("a/b").is_err() && Program::parse("").is_err());
    }
}
