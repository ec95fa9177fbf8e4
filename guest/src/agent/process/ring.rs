//! The latest output of a process, all its channels in the order they were read.
//!
//! ```text
//!        dropped                                   written
//! ──────────┤ segment │ segment │ segment │ segment ├──▶
//!                ▲                             ▲
//!             a reader                      another: a position is the bytes of each channel before it
//! ```

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use roost_schemas::output::Channel;

use super::counts::Counts;

/// Bytes of a segment: what is given up at once when room is needed.
const SEGMENT: usize = 4 << 10;
/// What a segment costs beyond its bytes, so that many small ones are not held for free.
const OVERHEAD: usize = 64;

/// What a reader finds at its position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes of one channel.
    Data(Channel, Bytes),
    /// So much is gone.
    Gap(Counts),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ring {
    segments: VecDeque<Segment>,
    cost: usize,
    dropped: Counts,
    written: Counts,
}

#[derive(Debug)]
struct Segment {
    channel: Channel,
    start: u64,
    bytes: Vec<u8>,
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn cost(&self) -> usize {
        OVERHEAD + self.bytes.len()
    }
}

impl Ring {
    /// Everything that was ever put in.
    pub(super) fn written(&self) -> Counts {
        self.written
    }

    /// What a piece of `data` costs that is worth making room for.
    pub(super) fn room_for(data: &[u8]) -> usize {
        OVERHEAD + data.len().min(SEGMENT)
    }

    /// Puts in as much of `data` as fits below `limit` bytes of memory; answers how much.
    pub(super) fn push(&mut self, limit: usize, channel: Channel, data: &[u8]) -> usize {
        let mut rest = data;
        while !rest.is_empty() {
            let free = limit.saturating_sub(self.cost);
            let taken = match self.segments.back_mut() {
                Some(last) if last.channel == channel && last.bytes.len() < SEGMENT => {
                    let taken = rest.len().min(SEGMENT - last.bytes.len()).min(free);
                    last.bytes.extend_from_slice(&rest[..taken]);
                    self.cost += taken;
                    taken
                }
                _ => {
                    let taken = rest.len().min(SEGMENT).min(free.saturating_sub(OVERHEAD));
                    if taken > 0 {
                        let start = self.written.total();
                        let bytes = rest[..taken].to_vec();
                        self.segments.push_back(Segment {
                            channel,
                            start,
                            bytes,
                        });
                        self.cost += OVERHEAD + taken;
                    }
                    taken
                }
            };
            if taken == 0 {
                break;
            }
            self.written = self.written + Counts::of(channel, taken);
            rest = &rest[taken..];
        }
        data.len() - rest.len()
    }

    /// Gives up the oldest segments until the rest costs at most `limit`, but none that ends after `keep`. Answers
    /// whether that was enough.
    pub(super) fn shrink(&mut self, limit: usize, keep: u64) -> bool {
        while self.cost > limit {
            match self.segments.front() {
                Some(oldest) if oldest.end() <= keep => {
                    self.cost -= oldest.cost();
                    self.dropped = self.dropped + Counts::of(oldest.channel, oldest.bytes.len());
                    self.segments.pop_front();
                }
                _ => return false,
            }
        }
        true
    }

    /// Where the oldest segment ends: a reader before that stands in the way of giving it up.
    pub(super) fn oldest_end(&self) -> u64 {
        self.segments.front().map_or(self.dropped.total(), Segment::end)
    }

    /// Reads on from `position`, at most `most` bytes; `None` when the reader has everything.
    pub(super) fn read(&self, position: &mut Counts, most: usize) -> Option<Piece> {
        let at = position.total();
        if at < self.dropped.total() {
            let gap = self.dropped - *position;
            *position = self.dropped;
            return Some(Piece::Gap(gap));
        }
        let first = self.segments.partition_point(|segment| segment.end() <= at);
        let channel = self.segments.get(first)?.channel;
        let mut data = BytesMut::new();
        for segment in self.segments.range(first..) {
            if segment.channel != channel || data.len() == most {
                break;
            }
            let skipped =
                usize::try_from(at.saturating_sub(segment.start)).expect("it lies within this segment");
            let rest = &segment.bytes[skipped..];
            data.extend_from_slice(&rest[..rest.len().min(most - data.len())]);
        }
        *position = *position + Counts::of(channel, data.len());
        Some(Piece::Data(channel, data.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOMY: usize = 1 << 20;

    fn data(channel: Channel, bytes: &'static [u8]) -> Piece {
        Piece::Data(channel, Bytes::from_static(bytes))
    }

    #[test]
    fn writes_to_one_channel_join_and_channels_keep_their_order() {
        let mut ring = Ring::default();
        for (channel, bytes) in [
            (Channel::Stdout, &b"a"[..]),
            (Channel::Stdout, b"b"),
            (Channel::Stderr, b"c"),
            (Channel::Stdout, b"d"),
        ] {
            assert_eq!(ring.push(ROOMY, channel, bytes), bytes.len());
        }
        let mut position = Counts::default();
        assert_eq!(ring.read(&mut position, 8), Some(data(Channel::Stdout, b"ab")));
        assert_eq!(ring.read(&mut position, 8), Some(data(Channel::Stderr, b"c")));
        assert_eq!(ring.read(&mut position, 8), Some(data(Channel::Stdout, b"d")));
        assert_eq!(ring.read(&mut position, 8), None);
        assert_eq!(position, ring.written());
    }

    #[test]
    fn a_gap_says_what_it_swallowed() {
        let mut ring = Ring::default();
        ring.push(ROOMY, Channel::Stdout, b"old");
        ring.push(ROOMY, Channel::Stderr, b"older");
        ring.push(ROOMY, Channel::Stdout, b"new");
        assert!(!ring.shrink(0, 3), "a reader stands after three bytes");
        assert!(ring.shrink(OVERHEAD + 3, u64::MAX));
        let mut position = Counts::default();
        let gap = Counts {
            stdout: 3,
            stderr: 5,
            pty: 0,
        };
        assert_eq!(ring.read(&mut position, 8), Some(Piece::Gap(gap)));
        assert_eq!(ring.read(&mut position, 8), Some(data(Channel::Stdout, b"new")));
        assert_eq!(ring.read(&mut position, 8), None);
    }

    #[test]
    fn small_writes_are_not_free() {
        let mut ring = Ring::default();
        let pushed = (0..ROOMY)
            .map(|turn| [Channel::Stdout, Channel::Stderr][turn % 2])
            .take_while(|channel| ring.push(ROOMY, *channel, b"x") == 1)
            .count();
        assert_eq!(pushed, ROOMY / (OVERHEAD + 1));
    }

    proptest! {
        /// Whatever is written, given up and read in whatever order: data and gaps add up to what was written.
        #[test]
        fn a_reader_can_tell_where_every_byte_belongs(
            steps in prop::collection::vec((0_usize..3, 0_usize..10_000, 0_usize..40_000, 1_usize..9_000), 1..60),
        ) {
            let mut ring = Ring::default();
            let mut position = Counts::default();
            for (turn, length, limit, most) in steps {
                let channel = [Channel::Stdout, Channel::Stderr, Channel::Pty][turn];
                // Each byte tells its place in its own channel.
                let from = place(ring.written(), channel);
                let bytes: Vec<u8> = (from..from + length as u64).map(|at| at.to_le_bytes()[0]).collect();
                ring.shrink(limit.saturating_sub(length), u64::MAX);
                let cost = ring.cost;
                let taken = ring.push(limit, channel, &bytes);
                prop_assert!(taken <= length && ring.cost <= limit.max(cost));
                let before = position;
                match ring.read(&mut position, most) {
                    Some(Piece::Data(channel, bytes)) => {
                        prop_assert!(bytes.len() <= most && !bytes.is_empty());
                        let from = place(before, channel);
                        for (at, byte) in (from..).zip(bytes.iter()) {
                            prop_assert_eq!(*byte, at.to_le_bytes()[0]);
                        }
                        prop_assert_eq!(position, before + Counts::of(channel, bytes.len()));
                    }
                    Some(Piece::Gap(gap)) => prop_assert_eq!(position, before + gap),
                    None => prop_assert_eq!(position, ring.written()),
                }
            }
        }
    }

    fn place(counts: Counts, channel: Channel) -> u64 {
        match channel {
            Channel::Stdout => counts.stdout,
            Channel::Stderr => counts.stderr,
            Channel::Pty => counts.pty,
        }
    }
}
