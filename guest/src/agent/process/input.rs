//! What a process reads: a pipe, a terminal, or nothing.

use std::io::{self, ErrorKind};

use connectrpc::ConnectError;
use roost_schemas::envd::process::process_input::Input as Sent;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{Mutex, Semaphore};

use super::terminal::{Keyboard, Size};

/// Pieces of input that may wait for a process that does not read; each can be as large as a request.
const WAITING: usize = 8;

/// Why input cannot be given.
#[derive(Debug, Error)]
pub(super) enum InputError {
    #[error("no input: set `input.stdin` or `input.pty`")]
    Nothing,
    #[error("the process has a terminal: send `input.pty`; what closes its input is Ctrl+D (0x04)")]
    Terminal,
    #[error("the process has no terminal")]
    NoTerminal,
    #[error("the standard input of the process is closed, or was never asked for")]
    Closed,
    #[error("{WAITING} pieces of input wait already for the process to read")]
    Busy,
    #[error("cannot write to the process: {0}")]
    System(#[from] io::Error),
}

impl From<InputError> for ConnectError {
    fn from(error: InputError) -> Self {
        let message = error.to_string();
        match error {
            InputError::Nothing => Self::invalid_argument(message),
            InputError::Terminal | InputError::NoTerminal | InputError::Closed => {
                Self::failed_precondition(message)
            }
            InputError::Busy => Self::resource_exhausted(message),
            InputError::System(_) => Self::internal(message),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Input {
    kind: Kind,
    waiting: Semaphore,
}

#[derive(Debug)]
enum Kind {
    /// Until it is closed; writers take turns, so that pieces do not mix.
    Pipe(Mutex<Option<ChildStdin>>),
    Terminal(Keyboard),
}

impl Input {
    /// A pipe, or `/dev/null` in its place.
    pub(super) fn pipe(stdin: Option<ChildStdin>) -> Self {
        Self::new(Kind::Pipe(Mutex::new(stdin)))
    }

    /// The keyboard of a terminal.
    pub(super) fn terminal(keyboard: Keyboard) -> Self {
        Self::new(Kind::Terminal(keyboard))
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Writes all of a piece; the process may take its time to read it.
    pub(super) async fn send(&self, sent: Option<Sent>) -> Result<(), InputError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| InputError::Busy)?;
        match (&self.kind, sent) {
            (_, None) => Err(InputError::Nothing),
            (Kind::Pipe(_), Some(Sent::Pty(_))) => Err(InputError::NoTerminal),
            (Kind::Terminal(_), Some(Sent::Stdin(_))) => Err(InputError::Terminal),
            (Kind::Pipe(pipe), Some(Sent::Stdin(data))) => {
                let mut pipe = pipe.lock().await;
                let open = pipe.as_mut().ok_or(InputError::Closed)?;
                match open.write_all(&data).await {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                        *pipe = None;
                        Err(InputError::Closed)
                    }
                    written => Ok(written?),
                }
            }
            (Kind::Terminal(keyboard), Some(Sent::Pty(data))) => Ok(keyboard.write(&data).await?),
        }
    }

    /// Lets the process read end of file, after what was sent before. Closing twice is closing once.
    pub(super) async fn close(&self) -> Result<(), InputError> {
        match &self.kind {
            Kind::Terminal(_) => Err(InputError::Terminal),
            Kind::Pipe(pipe) => {
                *pipe.lock().await = None;
                Ok(())
            }
        }
    }

    /// Changes the size of the terminal.
    pub(super) fn resize(&self, size: Size) -> Result<(), InputError> {
        match &self.kind {
            Kind::Pipe(_) => Err(InputError::NoTerminal),
            Kind::Terminal(keyboard) => Ok(keyboard.resize(size)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use roost_schemas::envd::process::PTY;

    use super::*;
    use crate::agent::process::terminal;

    fn code(error: InputError) -> connectrpc::ErrorCode {
        ConnectError::from(error).code
    }

    #[tokio::test]
    async fn the_wrong_kind_of_input_is_refused() {
        use connectrpc::ErrorCode::{FailedPrecondition, InvalidArgument};
        let stdin = || Some(Sent::Stdin(Bytes::from_static(b"x")));
        let pty = || Some(Sent::Pty(Bytes::from_static(b"x")));
        let closed = Input::pipe(None);
        assert_eq!(code(closed.send(None).await.unwrap_err()), InvalidArgument);
        for sent in [stdin(), pty()] {
            assert_eq!(code(closed.send(sent).await.unwrap_err()), FailedPrecondition);
        }
        closed.close().await.unwrap();
        let (keyboard, _screen, _theirs) = terminal::open(Size::of(&PTY::default()).unwrap()).unwrap();
        let typed = Input::terminal(keyboard);
        assert_eq!(code(typed.send(stdin()).await.unwrap_err()), FailedPrecondition);
        assert_eq!(code(typed.close().await.unwrap_err()), FailedPrecondition);
        typed.send(pty()).await.unwrap();
    }
}
