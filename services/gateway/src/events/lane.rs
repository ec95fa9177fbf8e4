//! A lane: the latest that happened to one tenant, or to all, for those who read it now.
//!
//! ```text
//!   the log  ───────────────|█████████████████████████|
//!                          from                      last
//!            read by pages       held here, shared
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::Sequence;
use tokio::sync::watch;

use super::batch::Batch;

/// Bytes of frames that a reader takes at a time.
const TAKE: usize = 256 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    ring: Mutex<Ring>,
    /// Where its last commit stands; what wakes readers.
    last: watch::Sender<Sequence>,
}

#[derive(Debug)]
struct Ring {
    /// Everything after this is here.
    from: Sequence,
    batches: VecDeque<(usize, Arc<Batch>)>,
    bytes: usize,
}

/// A reader stood where the lane does not reach back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind;

impl Lane {
    /// An empty one, which gets everything after `from`.
    pub(super) fn new(from: Sequence) -> Self {
        let ring = Ring {
            from,
            batches: VecDeque::new(),
            bytes: 0,
        };
        Self {
            ring: Mutex::new(ring),
            last: watch::Sender::new(from),
        }
    }

    /// Adds what came, and forgets the oldest beyond `room` bytes.
    pub(super) fn push(&self, batch: Batch, room: usize) {
        let (last, size) = (batch.last(), batch.size());
        let mut ring = self.ring();
        ring.bytes += size;
        ring.batches.push_back((size, Arc::new(batch)));
        while ring.bytes > room && ring.batches.len() > 1 {
            if let Some((size, oldest)) = ring.batches.pop_front() {
                ring.bytes -= size;
                ring.from = oldest.last();
            }
        }
        drop(ring);
        self.last.send_replace(last);
    }

    /// After which place everything is here.
    pub(super) fn from(&self) -> Sequence {
        self.ring().from
    }

    /// What came after `after`, some of it if it is much.
    pub(super) fn after(&self, after: Sequence) -> Result<Vec<Arc<Batch>>, Behind> {
        let ring = self.ring();
        if after < ring.from {
            return Err(Behind);
        }
        let newer = ring.batches.partition_point(|(_, batch)| batch.last() <= after);
        let mut room = TAKE;
        let taken = ring.batches.range(newer..).take_while(|(size, _)| {
            let fits = room > 0;
            room = room.saturating_sub(*size);
            fits
        });
        Ok(taken.map(|(_, batch)| Arc::clone(batch)).collect())
    }

    /// Tells of what is pushed from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Sequence> {
        self.last.subscribe()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use roost_schemas::subject::EventSubject;
    use roost_schemas::{SandboxId, TenantId};

    use super::super::frame::{Frame, Frames};
    use super::*;

    fn batch(sequence: u64, size: usize) -> Batch {
        let text = "x".repeat(size);
        Batch::new(vec![Frames {
            subject: EventSubject::sandbox(TenantId::first(), SandboxId::new("s").unwrap()),
            sequence: Sequence(sequence),
            events: vec![Frame {
                kind: "stopped".to_owned(),
                text,
            }],
        }])
    }

    fn lasts(taken: &[Arc<Batch>]) -> Vec<u64> {
        taken.iter().map(|batch| batch.last().0).collect()
    }

    #[test]
    fn the_oldest_goes_and_who_had_not_read_it_is_told() {
        let lane = Lane::new(Sequence(10));
        assert_eq!(lasts(&lane.after(Sequence(10)).unwrap()), [] as [u64; 0]);
        for sequence in [12, 14, 16] {
            lane.push(batch(sequence, 100), 250);
        }
        assert_eq!(lane.from(), Sequence(12));
        assert_eq!(lane.after(Sequence(11)).unwrap_err(), Behind);
        assert_eq!(lasts(&lane.after(Sequence(12)).unwrap()), [14, 16]);
        assert_eq!(lasts(&lane.after(Sequence(14)).unwrap()), [16]);
        assert_eq!(lasts(&lane.after(Sequence(99)).unwrap()), [] as [u64; 0]);
    }

    #[test]
    fn much_is_taken_in_parts() {
        let lane = Lane::new(Sequence(0));
        for sequence in 1..=3 {
            lane.push(batch(sequence, TAKE), usize::MAX);
        }
        assert_eq!(lasts(&lane.after(Sequence(0)).unwrap()), [1]);
        assert_eq!(lasts(&lane.after(Sequence(1)).unwrap()), [2]);
    }
}
