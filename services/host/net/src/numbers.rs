//! The slot number allocator: pure, and the only place a number comes from.
//!
//! A number is free, used by this host, or foreign (seen in the hands of another host on this machine). Free numbers are
//! handed out in turn rather than lowest first, so that a released slot's address stays unanswered for as long as
//! possible: a client that still remembers it must not reach the next tenant.

use std::collections::BTreeSet;

/// Numbers of one host.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    capacity: u32,
    used: BTreeSet<u32>,
    foreign: BTreeSet<u32>,
    next: u32,
}

/// Every number is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoneFree {
    /// How many this host uses.
    pub(crate) used: usize,
    /// How many other hosts of the machine were seen using.
    pub(crate) foreign: usize,
}

impl Numbers {
    /// All of `0..capacity` free; the search starts at `start`, so that several hosts rarely meet.
    pub(crate) fn new(capacity: u32, start: u32) -> Self {
        Self {
            capacity,
            used: BTreeSet::new(),
            foreign: BTreeSet::new(),
            next: start.checked_rem(capacity).unwrap_or(0),
        }
    }

    /// Takes the next free number.
    pub(crate) fn allocate(&mut self) -> Result<u32, NoneFree> {
        let free = |number: &u32| !self.used.contains(number) && !self.foreign.contains(number);
        let found = (self.next..self.capacity).chain(0..self.next).find(free);
        let number = found.ok_or(NoneFree {
            used: self.used.len(),
            foreign: self.foreign.len(),
        })?;
        self.used.insert(number);
        self.next = if number + 1 == self.capacity {
            0
        } else {
            number + 1
        };
        Ok(number)
    }

    /// Notes a number found in use by this host on the machine.
    pub(crate) fn adopt(&mut self, number: u32) {
        self.used.insert(number);
    }

    /// Gives a number back.
    pub(crate) fn free(&mut self, number: u32) {
        self.used.remove(&number);
    }

    /// Notes that another host holds a number this host had allocated.
    pub(crate) fn lost_to_another(&mut self, number: u32) {
        self.used.remove(&number);
        self.foreign.insert(number);
    }

    /// Replaces what is known of other hosts by what the link table says now.
    pub(crate) fn observe(&mut self, present: impl IntoIterator<Item = u32>) {
        self.foreign = present
            .into_iter()
            .filter(|number| !self.used.contains(number))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_run_out_instead_of_wrapping() {
        let mut numbers = Numbers::new(3, 7);
        assert_eq!([(); 3].map(|()| numbers.allocate().unwrap()), [1, 2, 0]);
        assert_eq!(numbers.allocate(), Err(NoneFree { used: 3, foreign: 0 }));
        numbers.free(2);
        numbers.observe([2]);
        assert_eq!(numbers.allocate(), Err(NoneFree { used: 2, foreign: 1 }));
        numbers.observe([]);
        assert_eq!(numbers.allocate(), Ok(2));
    }

    #[test]
    fn a_released_number_rests_until_the_others_had_their_turn() {
        let mut numbers = Numbers::new(4, 0);
        assert_eq!(numbers.allocate(), Ok(0));
        numbers.free(0);
        assert_eq!([(); 4].map(|()| numbers.allocate().unwrap()), [1, 2, 3, 0]);
    }

    #[test]
    fn nothing_can_be_allocated_from_nothing() {
        assert_eq!(
            Numbers::new(0, 5).allocate(),
            Err(NoneFree { used: 0, foreign: 0 })
        );
    }

    #[derive(Debug, Clone)]
    enum Op {
        Allocate,
        Free(usize),
        Lose(usize),
        Observe(Vec<u32>),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => Just(Op::Allocate),
            2 => any::<usize>().prop_map(Op::Free),
            1 => any::<usize>().prop_map(Op::Lose),
            1 => proptest::collection::vec(0_u32..20, 0..6).prop_map(Op::Observe),
        ]
    }

    proptest! {
        /// Against a model: no number is handed out twice, none outside the range, none while foreign, none lost.
        #[test]
        fn numbers_are_never_shared_or_leaked(
            capacity in 1_u32..16, start in any::<u32>(), ops in proptest::collection::vec(op(), 0..200),
        ) {
            let mut numbers = Numbers::new(capacity, start);
            let mut held: Vec<u32> = Vec::new();
            let mut foreign: BTreeSet<u32> = BTreeSet::new();
            for op in ops {
                match op {
                    Op::Allocate => if let Ok(number) = numbers.allocate() {
                        prop_assert!(number < capacity && !held.contains(&number) && !foreign.contains(&number));
                        held.push(number);
                    } else {
                        let taken: BTreeSet<_> = held.iter().chain(&foreign).filter(|n| **n < capacity).collect();
                        prop_assert_eq!(taken.len(), capacity as usize);
                    },
                    Op::Free(pick) if !held.is_empty() => numbers.free(held.swap_remove(pick % held.len())),
                    Op::Lose(pick) if !held.is_empty() => {
                        let number = held.swap_remove(pick % held.len());
                        numbers.lost_to_another(number);
                        foreign.insert(number);
                    }
                    Op::Observe(seen) => {
                        foreign = seen.iter().copied().filter(|n| !held.contains(n)).collect();
                        numbers.observe(seen);
                    }
                    Op::Free(_) | Op::Lose(_) => {}
                }
            }
        }
    }
}
