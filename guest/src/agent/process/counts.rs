//! Bytes by channel: how much was written, passed on, or lost.

use std::ops::{Add, Sub};

use roost_schemas::envd::process::process_event::KeepAlive;
use roost_schemas::output::Channel;

/// A number of bytes for each channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Standard output.
    pub(super) stdout: u64,
    /// Standard error.
    pub(super) stderr: u64,
    /// The terminal.
    pub(super) pty: u64,
}

impl Counts {
    /// `bytes` of one channel.
    pub(super) fn of(channel: Channel, bytes: usize) -> Self {
        let bytes = bytes as u64;
        let mut counts = Self::default();
        match channel {
            Channel::Stdout => counts.stdout = bytes,
            Channel::Stderr => counts.stderr = bytes,
            Channel::Pty => counts.pty = bytes,
        }
        counts
    }

    /// All channels together.
    pub(super) fn total(self) -> u64 {
        self.stdout + self.stderr + self.pty
    }

    /// The event that tells a client so much is missing.
    pub(super) fn marker(self) -> KeepAlive {
        KeepAlive {
            stdout_dropped: self.stdout,
            stderr_dropped: self.stderr,
            pty_dropped: self.pty,
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            stdout: self.stdout + other.stdout,
            stderr: self.stderr + other.stderr,
            pty: self.pty + other.pty,
        }
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            stdout: self.stdout - other.stdout,
            stderr: self.stderr - other.stderr,
            pty: self.pty - other.pty,
        }
    }
}
