//! What the one thread waits for.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::error::Death;

/// Events that are taken at once; more stay where they are.
const AT_ONCE: usize = 16;

/// Whose descriptor is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A signal to end.
    Signal,
    /// The engine has ended.
    Engine,
    /// The engine's faults.
    Faults,
    /// Somebody connects as an engine.
    Listener,
    /// One of those says something.
    Handshake(usize),
    /// Somebody connects to ask.
    Control,
    /// One of those says something, or has room for the rest of an answer.
    Question(usize),
}

/// Low bits that tell the kind of a token.
const KINDS: u64 = 8;

impl Token {
    fn number(self) -> u64 {
        let (kind, index) = match self {
            Self::Signal => (0, 0),
            Self::Engine => (1, 0),
            Self::Faults => (2, 0),
            Self::Listener => (3, 0),
            Self::Handshake(index) => (4, index),
            Self::Control => (5, 0),
            Self::Question(index) => (6, index),
        };
        index as u64 * KINDS + kind
    }

    fn of(number: u64) -> Option<Self> {
        let index = usize::try_from(number / KINDS).ok()?;
        Some(match number % KINDS {
            0 => Self::Signal,
            1 => Self::Engine,
            2 => Self::Faults,
            3 => Self::Listener,
            4 => Self::Handshake(index),
            5 => Self::Control,
            6 => Self::Question(index),
            _ => return None,
        })
    }
}

/// The set of what is waited for. What is closed leaves it by itself.
#[derive(Debug)]
pub(crate) struct Poll(OwnedFd);

impl Poll {
    pub(crate) fn new() -> Result<Self, Death> {
        let epoll = epoll::create(CreateFlags::CLOEXEC);
        epoll.map(Self).map_err(Death::setup("make an epoll"))
    }

    /// Waits for `source` to become readable.
    pub(crate) fn add(&self, source: impl AsFd, token: Token) -> Result<(), Death> {
        epoll::add(
            &self.0,
            source,
            EventData::new_u64(token.number()),
            EventFlags::IN,
        )
        .map_err(Death::setup("wait for a descriptor"))
    }

    /// From now on waits for `source` to become writable instead.
    pub(crate) fn wait_for_room(&self, source: impl AsFd, token: Token) -> Result<(), Death> {
        epoll::modify(
            &self.0,
            source,
            EventData::new_u64(token.number()),
            EventFlags::OUT,
        )
        .map_err(Death::setup("wait for a descriptor"))
    }

    /// Waits for something, at most `patience`, and leaves in `ready` what it was.
    pub(crate) fn wait(&self, ready: &mut Vec<Token>, patience: Option<Duration>) -> Result<(), Death> {
        ready.clear();
        let patience = patience.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let mut events = [const { std::mem::MaybeUninit::uninit() }; AT_ONCE];
        match epoll::wait(&self.0, &mut events, patience.as_ref()) {
            Ok((events, _)) => ready.extend(events.iter().filter_map(|event| Token::of(event.data.u64()))),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Death::setup("wait")(error)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written() {
        let tokens = [
            Token::Signal,
            Token::Engine,
            Token::Faults,
            Token::Listener,
            Token::Handshake(0),
            Token::Handshake(7),
            Token::Control,
            Token::Question(3),
        ];
        for token in tokens {
            assert_eq!(Token::of(token.number()), Some(token));
        }
    }
}
