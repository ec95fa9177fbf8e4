//! How far a program's streams have come.

use bytes::Bytes;
use roost_schemas::output::{Channel, Frame, MAX_CHUNK, MAX_KEPT};

/// Bytes of one stream, kept or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally(u64);

/// Both streams of a program; a terminal counts as the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tallies {
    stdout: Tally,
    stderr: Tally,
}

impl Tallies {
    /// How far `frames` go.
    pub(super) fn after(frames: &[Frame]) -> Self {
        let mut tallies = Self::default();
        for frame in frames {
            if let Frame::Data {
                channel,
                offset,
                data,
            } = frame
            {
                tallies.of(*channel).reach(offset + data.len() as u64);
            }
        }
        tallies
    }

    /// The stream that `channel` counts as.
    pub(super) fn of(&mut self, channel: Channel) -> &mut Tally {
        match channel {
            Channel::Stdout | Channel::Pty => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        }
    }

    /// Bytes of both.
    pub(super) fn written(&self) -> (u64, u64) {
        (self.stdout.0, self.stderr.0)
    }

    /// The number of the frame that comes next: where it begins in what is kept of both streams. So it has the same
    /// number in another life of its carrier, and a repeat is harmless.
    pub(super) fn number(&self) -> u64 {
        self.stdout.0.min(MAX_KEPT) + self.stderr.0.min(MAX_KEPT)
    }
}

impl Tally {
    /// Bytes so far.
    pub(super) fn written(self) -> u64 {
        self.0
    }

    /// Counts `bytes` more; answers how many there are.
    pub(super) fn skip(&mut self, bytes: u64) -> u64 {
        self.0 += bytes;
        self.0
    }

    /// Counts up to `at`, unless it is there already.
    pub(super) fn reach(&mut self, at: u64) {
        self.0 = self.0.max(at);
    }

    /// The frame that begins `data`, if that is kept, and how many bytes of it are settled with it.
    pub(super) fn frame(self, channel: Channel, data: &Bytes) -> (Option<Frame>, usize) {
        let room = usize::try_from(MAX_KEPT.saturating_sub(self.0)).unwrap_or(usize::MAX);
        let kept = &data[..data.len().min(room).min(MAX_CHUNK)];
        if kept.is_empty() {
            return (None, data.len());
        }
        let frame = Frame::Data {
            channel,
            offset: self.0,
            data: kept.to_vec(),
        };
        (Some(frame), kept.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames for all of `data`, as offsets and lengths.
    fn frames(tally: &mut Tally, data: &[u8]) -> Vec<(u64, usize)> {
        let mut rest = Bytes::copy_from_slice(data);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let (frame, bytes) = tally.frame(Channel::Stdout, &rest);
            if let Some(Frame::Data { offset, data, .. }) = frame {
                frames.push((offset, data.len()));
            }
            tally.skip(bytes as u64);
            rest = rest.slice(bytes..);
        }
        frames
    }

    #[test]
    fn output_beyond_the_bound_is_counted_not_kept() {
        let mut tally = Tally(MAX_KEPT - 10);
        assert_eq!(frames(&mut tally, &[7; 100]), [(MAX_KEPT - 10, 10)]);
        assert_eq!(tally.written(), MAX_KEPT + 90);
        assert_eq!(frames(&mut tally, b"x"), []);
        assert_eq!(tally.written(), MAX_KEPT + 91);
    }

    #[test]
    fn what_the_guest_lost_is_counted_and_leaves_a_gap() {
        let mut tally = Tally::default();
        assert_eq!(frames(&mut tally, b"abc"), [(0, 3)]);
        tally.reach(13);
        assert_eq!(frames(&mut tally, b"d"), [(13, 1)]);
        tally.reach(5);
        assert_eq!(tally.written(), 14, "it never goes back");
    }

    #[test]
    fn large_output_is_cut_into_frames_without_gaps() {
        let chunk = MAX_CHUNK as u64;
        assert_eq!(
            frames(&mut Tally::default(), &vec![1; MAX_CHUNK * 2 + 1]),
            [(0, MAX_CHUNK), (chunk, MAX_CHUNK), (2 * chunk, 1)]
        );
    }

    #[test]
    fn a_frame_is_numbered_by_its_place_and_stays_below_the_last() {
        let mut tallies = Tallies::default();
        tallies.of(Channel::Stdout).skip(5 * MAX_KEPT);
        tallies.of(Channel::Stderr).skip(MAX_KEPT - 1);
        assert_eq!(tallies.number(), 2 * MAX_KEPT - 1);
        assert_eq!(
            tallies.of(Channel::Pty).written(),
            5 * MAX_KEPT,
            "a terminal is the first stream"
        );
    }
}
