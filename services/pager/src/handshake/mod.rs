//! What an engine says when it connects: its regions and its userfaultfd, and who it is.
//!
//! ```text
//!   connect ─▶ Attempt ──▶ whole, one descriptor, regions fit, a userfaultfd, a process ─▶ Hello
//!                 │  anything else, or not within 2 s
//!                 ▼
//!              refused: the connection is closed, and the next may try
//! ```
//!
//! Several may try at a time, so that nobody who says nothing keeps the engine waiting.

mod attempt;
mod regions;

pub(crate) use regions::Regions;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::SocketFlags;
use userfaultfd::Uffd;

use crate::control::desk::{Desk, Facts};
use crate::engine::Engine;
use crate::error::Death;
use crate::poll::{Poll, Token};
use crate::process::remark;
use attempt::Attempt;

/// Connections that may try at a time.
const ATTEMPTS: usize = 8;
/// How long one may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Refusals that are worth a line in the log.
const REMARKS: u32 = 16;

/// An engine that has introduced itself. The engine comes first, so that it is gone before its descriptor is closed.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) engine: Engine,
    pub(crate) uffd: Uffd,
    pub(crate) regions: Regions,
}

/// Waits for an engine, and nothing if the pager is told to end before. Answers questions meanwhile.
pub(crate) fn receive(
    poll: &Poll,
    listener: &OwnedFd,
    desk: &mut Desk,
    pages: u64,
    patience: Duration,
) -> Result<Option<Hello>, Death> {
    let end = Instant::now() + patience;
    let mut attempts: [Option<Attempt>; ATTEMPTS] = [const { None }; ATTEMPTS];
    let mut refused = 0;
    let mut ready = Vec::new();
    loop {
        let now = Instant::now();
        if now >= end {
            return Err(Death::Alone(patience));
        }
        let deadlines = attempts.iter().flatten().map(|attempt| attempt.deadline);
        let next = deadlines.chain([end]).chain(desk.deadline()).min();
        poll.wait(&mut ready, next.map(|next| next.saturating_duration_since(now)))?;
        for token in &ready {
            match *token {
                Token::Signal => return Ok(None),
                Token::Listener => accept(poll, listener, &mut attempts)?,
                Token::Handshake(index) => {
                    let Some(attempt) = attempts.get_mut(index).and_then(Option::take) else {
                        continue;
                    };
                    match attempt.advance(pages) {
                        Ok(Ok(hello)) => return Ok(Some(hello)),
                        Ok(Err(unfinished)) => attempts[index] = Some(unfinished),
                        Err(refusal) => {
                            refused += 1;
                            if refused <= REMARKS {
                                remark(format_args!("refused a handshake: {refusal}"));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let now = Instant::now();
        for slot in &mut attempts {
            if slot.take_if(|attempt| attempt.deadline <= now).is_some() {
                refused += 1;
                if refused <= REMARKS {
                    remark(format_args!(
                        "refused a handshake: it was not complete after {ATTEMPT:?}"
                    ));
                }
            }
        }
        desk.attend(poll, &ready, &mut Nobody);
    }
}

/// Lets one more try; if too many do, in the place of the oldest.
fn accept(poll: &Poll, listener: &OwnedFd, attempts: &mut [Option<Attempt>; ATTEMPTS]) -> Result<(), Death> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Whoever left before being accepted is no error of ours.
    let Ok(connection) = rustix::net::accept_with(listener, flags) else {
        return Ok(());
    };
    let oldest = |(_, attempt): &(usize, &Option<Attempt>)| attempt.as_ref().map(|attempt| attempt.deadline);
    let index = attempts
        .iter()
        .enumerate()
        .min_by_key(oldest)
        .map_or(0, |(index, _)| index);
    poll.add(&connection, Token::Handshake(index))?;
    attempts[index] = Some(Attempt::new(connection, Instant::now() + ATTEMPT));
    Ok(())
}

/// Answers while there is no engine.
struct Nobody;

impl Facts for Nobody {
    fn status(&self) -> crate::control::Status {
        crate::control::Status::default()
    }

    fn next_removed(&self, _from: u64) -> Option<(u64, u64)> {
        None
    }

    fn save_working_set(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
