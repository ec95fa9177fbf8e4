//! What the one thread waits for.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec};
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
            Self::Listener => (2, 0),
            Self::Handshake(index) => (3, index),
            Self::Control => (4, 0),
            Self::Question(index) => (5, index),
        };
        index as u64 * KINDS + kind
    }

    fn of(number: u64) -> Option<Self> {
        let index = usize::try_from(number / KINDS).ok()?;
        Some(match number % KINDS {
            0 => Self::Signal,
            1 => Self::Engine,
            2 => Self::Listener,
            3 => Self::Handshake(index),
            4 => Self::Control,
            5 => Self::Question(index),
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
        let mut events = [const { MaybeUninit::uninit() }; AT_ONCE];
        match epoll::wait(&self.0, &mut events, patience.map(timespec).as_ref()) {
            Ok((events, _)) => ready.extend(events.iter().filter_map(|event| Token::of(event.data.u64()))),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Death::setup("wait")(error)),
        }
        Ok(())
    }

    /// The same, and answers whether `faults` is readable: that is asked for beside the set and not in it, because it is
    /// what nearly always happens, and this is the shorter way.
    pub(crate) fn wait_beside(
        &self,
        faults: impl AsFd,
        ready: &mut Vec<Token>,
        patience: Option<Duration>,
    ) -> Result<bool, Death> {
        ready.clear();
        let mut both = [
            PollFd::new(&faults, PollFlags::IN),
            PollFd::new(&self.0, PollFlags::IN),
        ];
        match rustix::event::poll(&mut both, patience.map(timespec).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(false),
            Err(error) => return Err(Death::setup("wait")(error)),
        }
        let [faults, rest] = both.map(|one| !one.revents().is_empty());
        if rest {
            self.wait(ready, Some(Duration::ZERO))?;
        }
        Ok(faults)
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
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
