//! How far a client has read: turns frames, which may repeat or be missing, into messages without repeats and with gaps
//! told.

use roost_schemas::output::Channel;

use crate::dto::stream::StreamMessage;

/// The first byte of each channel that the client does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) stdout: u64,
    pub(crate) stderr: u64,
    pub(crate) pty: u64,
}

impl Cursor {
    /// What `data`, which begins at `offset`, tells the client: nothing, or output, or a gap and output.
    pub(super) fn data(&mut self, channel: Channel, offset: u64, data: &[u8]) -> Vec<StreamMessage> {
        let mut messages = Vec::new();
        messages.extend(self.gap(channel, offset));
        let next = self.next(channel);
        let had = usize::try_from(next.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(new) = data.get(had..).filter(|new| !new.is_empty()) {
            messages.push(StreamMessage::output(channel, *next, new));
            *next += new.len() as u64;
        }
        messages
    }

    /// What the totals at the end tell: gaps, where the last bytes are missing.
    pub(super) fn end(&mut self, pty: bool, [stdout_bytes, stderr_bytes]: [u64; 2]) -> Vec<StreamMessage> {
        let first = if pty { Channel::Pty } else { Channel::Stdout };
        let gaps = [
            self.gap(first, stdout_bytes),
            self.gap(Channel::Stderr, stderr_bytes),
        ];
        gaps.into_iter().flatten().collect()
    }

    /// The first byte of `channel` that is missing.
    pub(super) fn at(&self, channel: Channel) -> u64 {
        match channel {
            Channel::Stdout => self.stdout,
            Channel::Stderr => self.stderr,
            Channel::Pty => self.pty,
        }
    }

    /// The same of the channel that was read most of.
    pub(super) fn furthest(&self) -> u64 {
        self.stdout.max(self.stderr).max(self.pty)
    }

    /// Goes on by `bytes`; answers from where.
    pub(super) fn advance(&mut self, channel: Channel, bytes: u64) -> u64 {
        let next = self.next(channel);
        let from = *next;
        *next += bytes;
        from
    }

    fn gap(&mut self, channel: Channel, to: u64) -> Option<StreamMessage> {
        let next = self.next(channel);
        let from = *next;
        if from >= to {
            return None;
        }
        *next = to;
        let channel = channel.into();
        Some(StreamMessage::Gap { channel, from, to })
    }

    fn next(&mut self, channel: Channel) -> &mut u64 {
        match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
            Channel::Pty => &mut self.pty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(offset: u64, data: &[u8]) -> StreamMessage {
        StreamMessage::output(Channel::Stdout, offset, data)
    }

    fn gap(channel: Channel, from: u64, to: u64) -> StreamMessage {
        let channel = channel.into();
        StreamMessage::Gap { channel, from, to }
    }

    #[test]
    fn repeats_are_passed_over_and_what_is_missing_is_told() {
        let mut cursor = Cursor::default();
        let mut take = |offset, data: &str| cursor.data(Channel::Stdout, offset, data.as_bytes());
        assert_eq!(take(0, "abc"), [output(0, b"abc")]);
        assert_eq!(take(0, "abc"), []);
        assert_eq!(take(2, "cde"), [output(3, b"de")]);
        assert_eq!(take(9, "xyz"), [gap(Channel::Stdout, 5, 9), output(9, b"xyz")]);
        assert_eq!(take(5, "f"), [], "too late: it was told as missing");
        assert_eq!(cursor.end(false, [12, 0]), []);
        assert_eq!(
            cursor.end(false, [14, 2]),
            [gap(Channel::Stdout, 12, 14), gap(Channel::Stderr, 0, 2)]
        );
    }

    #[test]
    fn a_client_that_begins_in_the_middle_gets_the_rest() {
        let mut cursor = Cursor {
            stdout: 4,
            ..Cursor::default()
        };
        assert_eq!(cursor.data(Channel::Stdout, 0, b"abcdef"), [output(4, b"ef")]);
        let mut beyond = Cursor {
            pty: u64::MAX,
            ..Cursor::default()
        };
        assert_eq!(beyond.data(Channel::Pty, 0, b"abc"), []);
        assert_eq!(beyond.end(true, [3, 0]), []);
    }
}
