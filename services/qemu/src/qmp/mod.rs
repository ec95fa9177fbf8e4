//! A small client of QMP, QEMU's control protocol: JSON lines, one command at a time.
//!
//! Described in QEMU's `docs/interop/qmp-spec`. Only what this engine needs is here. The other end is a process that
//! runs untrusted code, so lines are bounded and every wait has a deadline.

mod command;
mod message;
mod migration;

pub(crate) use command::Command;

use message::Message;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::BorrowedFd,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};

/// How long QEMU may take over one command. `stop` waits for disk requests in flight.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest line read, in bytes; the longest QEMU sends for our commands is its greeting.
const MAX_LINE: u64 = 64 * 1024;

/// What goes wrong on the monitor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QmpError {
    /// QEMU hung up, which it does when it ends.
    #[error("its monitor closed")]
    Closed,
    /// QEMU did not answer.
    #[error("no answer to {command} within {DEADLINE:?}")]
    Deadline { command: &'static str },
    /// QEMU said no.
    #[error("{command} failed: {description}")]
    Refused {
        command: &'static str,
        description: String,
    },
    /// Device state could not be saved or loaded.
    #[error("the device state could not be moved: {description}")]
    State { description: String },
    /// The command could not be sent.
    #[error("cannot send {command}: {source}")]
    Send {
        command: &'static str,
        source: io::Error,
    },
}

/// A connection to one QEMU.
#[derive(Debug)]
pub(crate) struct Qmp {
    writer: OwnedWriteHalf,
    replies: mpsc::Receiver<Message>,
    last_id: u64,
    version: String,
}

impl Qmp {
    /// Negotiates with the QEMU at the other end. When this returns the machine has been built.
    pub(crate) async fn negotiate(monitor: UnixStream) -> Result<Self, QmpError> {
        let (reader, writer) = monitor.into_split();
        // The greeting, one reply that is outstanding, and one that is late after a deadline.
        let (sender, replies) = mpsc::channel(3);
        tokio::spawn(read(reader, sender));
        let mut qmp = Self {
            writer,
            replies,
            last_id: 0,
            version: String::new(),
        };
        qmp.execute(Command::Negotiate).await?;
        Ok(qmp)
    }

    /// QEMU's version, as its `--version` writes it.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Carries out one command.
    pub(crate) async fn execute(&mut self, command: Command) -> Result<serde_json::Value, QmpError> {
        let (name, line) = self.next(command);
        let sent = self.writer.write_all(&line).await;
        sent.map_err(|source| QmpError::Send {
            command: name,
            source,
        })?;
        self.outcome(name).await
    }

    /// Carries out one command that a descriptor goes with.
    async fn execute_with(&mut self, command: Command, descriptor: BorrowedFd<'_>) -> Result<(), QmpError> {
        let (name, line) = self.next(command);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor];
        rights.push(SendAncillaryMessage::ScmRights(&descriptors));
        let socket: &UnixStream = self.writer.as_ref();
        let write = || {
            let written = sendmsg(socket, &[IoSlice::new(&line)], &mut rights, SendFlags::NOSIGNAL)?;
            // The socket's buffer holds many of these lines, and is empty: nothing is outstanding.
            if written == line.len() {
                Ok(())
            } else {
                Err(io::ErrorKind::WriteZero.into())
            }
        };
        let sent = socket.async_io(Interest::WRITABLE, write).await;
        sent.map_err(|source| QmpError::Send {
            command: name,
            source,
        })?;
        self.outcome(name).await.map(drop)
    }

    fn next(&mut self, command: Command) -> (&'static str, Vec<u8>) {
        self.last_id += 1;
        (command.name(), command.line(self.last_id))
    }

    async fn outcome(&mut self, name: &'static str) -> Result<serde_json::Value, QmpError> {
        tokio::time::timeout(DEADLINE, self.reply(name))
            .await
            .map_err(|_| QmpError::Deadline { command: name })?
    }

    async fn reply(&mut self, command: &'static str) -> Result<serde_json::Value, QmpError> {
        loop {
            match self.replies.recv().await.ok_or(QmpError::Closed)? {
                // A late answer to a command that met its deadline carries that command's id.
                Message::Return { id, .. } | Message::Error { id, .. } if id != Some(self.last_id) => {}
                Message::Return { value, .. } => return Ok(value),
                Message::Error { description, .. } => return Err(QmpError::Refused { command, description }),
                Message::Greeting { version } => self.version = version,
                Message::Event { .. } => {}
            }
        }
    }
}

/// Reads everything QEMU says, so that its events never pile up on its side, and passes on the replies.
async fn read(reader: OwnedReadHalf, replies: mpsc::Sender<Message>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(1..) if line.ends_with(b"\n") => {}
            _ => return,
        }
        match Message::parse(&line) {
            Some(Message::Event { name }) => tracing::debug!(%name, "QEMU event"),
            Some(reply) => {
                if replies.send(reply).await.is_err() {
                    return;
                }
            }
            None => tracing::warn!("QEMU said something that is not QMP"),
        }
    }
}
