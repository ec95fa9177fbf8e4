//! How much output the agent holds: a fair share for each process, so that many together stay within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::sysinfo::sysinfo;

/// All processes together hold this part of the guest's memory …
const PART: u64 = 16;
/// … within these bounds: the least is what [`LEAST`] takes for as many processes as there may be.
const TOTAL: (u64, u64) = (9 << 20, 256 << 20);

/// One process holds no more than this: seconds of a busy build, for a client whose connection broke.
const MOST: usize = 1 << 20;
/// One process may always hold two segments, the least with which readers and writers can take turns.
const LEAST: usize = 8 << 10;

/// Shared by all processes.
#[derive(Debug)]
pub(super) struct Budget {
    total: usize,
    shares: AtomicUsize,
}

impl Budget {
    /// The budget of this guest.
    pub(super) fn of_guest() -> Self {
        let (least, most) = TOTAL;
        let memory = sysinfo().map_or(0, |info| info.ram_total());
        Self::new(usize::try_from((memory / PART).clamp(least, most)).unwrap_or(usize::MAX))
    }

    fn new(total: usize) -> Self {
        Self {
            total,
            shares: AtomicUsize::new(0),
        }
    }

    /// One more holder.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        self.shares.fetch_add(1, Ordering::Relaxed);
        Share(Arc::clone(self))
    }
}

/// One holder's part, given back when dropped.
#[derive(Debug)]
pub(super) struct Share(Arc<Budget>);

impl Share {
    /// The bytes it may hold now; they become fewer as processes are started.
    pub(super) fn bytes(&self) -> usize {
        let Budget { total, shares } = &*self.0;
        (total / shares.load(Ordering::Relaxed).max(1)).clamp(LEAST, MOST)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.shares.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_shrink_and_grow_within_bounds() {
        let budget = Arc::new(Budget::new(9 << 20));
        let first = budget.share();
        assert_eq!(first.bytes(), MOST);
        let others: Vec<Share> = (1..1024).map(|_| budget.share()).collect();
        assert_eq!(first.bytes(), 9 << 10);
        assert!(others.len() * first.bytes() < 9 << 20);
        drop(others);
        assert_eq!(first.bytes(), MOST);
    }
}
