//! Where questions are answered, without ever keeping a fault waiting.
//!
//! ```text
//!   accept ─▶ Asking ──line──▶ Answering ──all written──▶ closed
//!               │ too long, no request,   │ nobody reads for 1 s
//!               │ nothing for 1 s         ▼
//!               └────────────────────▶ closed
//! ```
//!
//! Nothing here waits: what cannot be read or written now is left for later. An answer that is long is made piece by
//! piece, as it is read.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

use super::{Request, Status};
use crate::poll::{Poll, Token};

/// Connections at a time; one more takes the place of the oldest.
const CONNECTIONS: usize = 8;
/// Bytes a request may have, with its newline.
const MAX_REQUEST: usize = 256;
/// How long nothing may come, or nothing be taken.
const IDLE: Duration = Duration::from_secs(1);
/// Bytes of an answer that are made at once, roughly.
const PIECE: usize = 16 * 1024;

/// Who knows the answers.
pub(crate) trait Facts {
    /// How the pager stands.
    fn status(&self) -> Status;
    /// The first run of removed pages that begins at or behind `from`, as first and count.
    fn next_removed(&self, from: u64) -> Option<(u64, u64)>;
    /// Writes the working set down.
    fn save_working_set(&mut self) -> io::Result<()>;
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    listener: OwnedFd,
    connections: [Option<Connection>; CONNECTIONS],
}

#[derive(Debug)]
struct Connection {
    socket: OwnedFd,
    /// When it is closed if nothing happens.
    deadline: Instant,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Asking(Vec<u8>),
    Answering {
        piece: Vec<u8>,
        written: usize,
        /// Where to go on with the removed pages.
        rest: Option<u64>,
    },
}

/// What to do with a connection.
enum Next {
    Keep,
    Close,
}

impl Desk {
    pub(crate) fn new(listener: OwnedFd) -> Self {
        Self {
            listener,
            connections: [const { None }; CONNECTIONS],
        }
    }

    /// When to attend even if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let connections = self.connections.iter().flatten();
        connections.map(|connection| connection.deadline).min()
    }

    /// Does what can be done now.
    pub(crate) fn attend(&mut self, poll: &Poll, ready: &[Token], facts: &mut impl Facts) {
        for token in ready {
            match *token {
                Token::Control => self.accept(poll),
                Token::Question(index) => {
                    let Some(slot) = self.connections.get_mut(index) else {
                        continue;
                    };
                    let Some(mut connection) = slot.take() else {
                        continue;
                    };
                    if let Next::Keep = connection.go_on(poll, *token, facts) {
                        *slot = Some(connection);
                    }
                }
                _ => {}
            }
        }
        if self.deadline().is_some() {
            let now = Instant::now();
            for slot in &mut self.connections {
                slot.take_if(|connection| connection.deadline <= now);
            }
        }
    }

    /// Lets one more ask. Whoever left before being accepted, or cannot be waited for, is no error of ours.
    fn accept(&mut self, poll: &Poll) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(socket) = rustix::net::accept_with(&self.listener, flags) else {
            return;
        };
        let oldest =
            |(_, slot): &(usize, &Option<Connection>)| slot.as_ref().map(|connection| connection.deadline);
        let slots = self.connections.iter().enumerate();
        let index = slots.min_by_key(oldest).map_or(0, |(index, _)| index);
        if poll.add(&socket, Token::Question(index)).is_ok() {
            self.connections[index] = Some(Connection {
                socket,
                deadline: Instant::now() + IDLE,
                phase: Phase::Asking(Vec::new()),
            });
        }
    }
}

impl Connection {
    fn go_on(&mut self, poll: &Poll, token: Token, facts: &mut impl Facts) -> Next {
        if let Phase::Asking(line) = &mut self.phase {
            match read_line(&self.socket, line) {
                Ok(Some(request)) => self.phase = answer(request, facts),
                Ok(None) => return Next::Keep,
                Err(_) => return Next::Close,
            }
            if poll.wait_for_room(&self.socket, token).is_err() {
                return Next::Close;
            }
        }
        self.write(facts)
    }

    /// Writes what can be written now.
    fn write(&mut self, facts: &impl Facts) -> Next {
        let Phase::Answering { piece, written, rest } = &mut self.phase else {
            return Next::Keep;
        };
        match rustix::net::send(&self.socket, &piece[*written..], SendFlags::NOSIGNAL) {
            Ok(count) => *written += count,
            Err(Errno::AGAIN | Errno::INTR) => return Next::Keep,
            Err(_) => return Next::Close,
        }
        self.deadline = Instant::now() + IDLE;
        if *written < piece.len() {
            return Next::Keep;
        }
        let Some(from) = *rest else {
            return Next::Close;
        };
        piece.clear();
        *written = 0;
        *rest = removed(from, piece, facts);
        Next::Keep
    }
}

/// Reads on, and answers with the request if its line is complete. Whatever is no request is an error.
fn read_line(socket: &OwnedFd, line: &mut Vec<u8>) -> Result<Option<Request>, io::Error> {
    let mut chunk = [0; MAX_REQUEST];
    let count = match rustix::net::recv(socket, &mut chunk[..], RecvFlags::DONTWAIT) {
        Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok((count, _)) => count,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    line.extend_from_slice(&chunk[..count]);
    match line.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some(serde_json::from_slice(&line[..end])?)),
        None if line.len() >= MAX_REQUEST => Err(io::ErrorKind::InvalidData.into()),
        None => Ok(None),
    }
}

fn answer(request: Request, facts: &mut impl Facts) -> Phase {
    let mut piece = Vec::new();
    let mut rest = None;
    match request {
        Request::Status => line(&mut piece, &facts.status()),
        Request::SaveWorkingSet => match facts.save_working_set() {
            Ok(()) => line(&mut piece, &facts.status()),
            Err(error) => line(&mut piece, &serde_json::json!({ "error": error.to_string() })),
        },
        Request::Removed => {
            piece.extend_from_slice(br#"{"runs":["#);
            rest = removed(0, &mut piece, facts);
        }
    }
    Phase::Answering {
        piece,
        written: 0,
        rest,
    }
}

fn line(piece: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(&mut *piece, value).expect("an answer has string keys");
    piece.push(b'\n');
}

/// Adds the removed pages from `from` on, as far as they fit in a piece, and answers where to go on.
fn removed(mut from: u64, piece: &mut Vec<u8>, facts: &impl Facts) -> Option<u64> {
    while piece.len() < PIECE {
        let Some((first, count)) = facts.next_removed(from) else {
            piece.extend_from_slice(b"]}\n");
            return None;
        };
        // No comma before the very first run.
        if !piece.ends_with(b"[") {
            piece.push(b',');
        }
        write!(piece, "[{first},{count}]").expect("writing to memory succeeds");
        from = first + count;
    }
    Some(from)
}
