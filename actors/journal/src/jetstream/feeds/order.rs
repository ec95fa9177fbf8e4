//! The order of the log, restored from deliveries of which some may be lost on the way and come again later.
//!
//! ```text
//!   delivery ─ in hand already ────────▶ (nothing)
//!      │ new
//!      ▼            no delivery is missing
//!   waiting ──────────────────────────────────▶ ready, in the order of the log
//!      │  ▲
//!      │  └─ one is missing: it comes again when its time is over, and stands before what came after it
//!      └─ the server has no more under way than is in hand for sure ─▶ ready
//! ```

use std::collections::{BTreeMap, BTreeSet};

/// See the module. `T` is what is put in order.
#[derive(Debug)]
pub(super) struct Order<T> {
    /// The number that the next delivery has if none is lost; none if that is not known.
    next: Option<u64>,
    /// Whether something may be under way that stands before what waits.
    doubt: bool,
    /// In hand: waiting, or given out and not settled.
    held: BTreeSet<u64>,
    /// Of these, what the server has been told is done with, and may or may not count any more.
    leaving: BTreeSet<u64>,
    waiting: BTreeMap<u64, T>,
}

impl<T> Order<T> {
    /// Of a consumer of which nothing is known.
    pub(super) fn new() -> Self {
        Self {
            next: None,
            doubt: true,
            held: BTreeSet::new(),
            leaving: BTreeSet::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Takes in the message at `sequence`, which is the consumer's `delivery`-th. Whether it is in hand already.
    pub(super) fn take(&mut self, delivery: u64, sequence: u64, item: T) -> bool {
        if self.next != Some(delivery) {
            self.doubt = true;
        }
        self.next = Some(delivery + 1);
        let new = self.held.insert(sequence);
        if new {
            self.waiting.insert(sequence, item);
        }
        !new
    }

    /// Takes note of what the server says: how many messages it has under way, and the number of its last delivery.
    pub(super) fn look(&mut self, under_way: usize, delivered: u64) {
        // More than is in hand: some are lost, or still on the wire. One that is leaving must not make up for one that is lost.
        let for_sure = self.held.len() - self.leaving.len();
        if under_way <= for_sure && self.next.is_none_or(|next| next == delivered + 1) {
            self.next = Some(delivered + 1);
            self.doubt = false;
        }
    }

    /// Whether it is to be asked what the server has under way.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt
    }

    /// What can be given out now, in the order of the log.
    pub(super) fn ready(&mut self) -> impl Iterator<Item = (u64, T)> + use<T> {
        let ready = if self.doubt {
            BTreeMap::new()
        } else {
            std::mem::take(&mut self.waiting)
        };
        ready.into_iter()
    }

    /// The server is told that the message at `sequence` is done with.
    pub(super) fn leave(&mut self, sequence: u64) {
        if self.held.contains(&sequence) {
            self.leaving.insert(sequence);
        }
    }

    /// It knows, so the message is out of hand.
    pub(super) fn settle(&mut self, sequence: u64) {
        self.held.remove(&sequence);
        self.leaving.remove(&sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(order: &mut Order<()>) -> Vec<u64> {
        order.ready().map(|(sequence, ())| sequence).collect()
    }

    #[test]
    fn what_comes_without_a_gap_is_ready_at_once() {
        let mut order = Order::new();
        assert!(order.is_in_doubt());
        order.look(0, 0);
        for delivery in 1..4 {
            assert!(!order.take(delivery, delivery * 10, ()));
            assert_eq!(ready(&mut order), [delivery * 10]);
        }
        assert!(!order.is_in_doubt());
    }

    #[test]
    fn what_the_taker_before_had_in_hand_comes_first() {
        let mut order = Order::new();
        order.look(2, 2);
        order.take(3, 30, ());
        order.look(3, 3);
        assert_eq!(ready(&mut order), [0; 0], "10 and 20 are to come again");
        order.take(4, 20, ());
        order.look(3, 4);
        order.take(5, 10, ());
        assert_eq!(ready(&mut order), [0; 0]);
        order.look(3, 5);
        assert_eq!(ready(&mut order), [10, 20, 30]);
    }

    #[test]
    fn a_delivery_that_is_lost_on_the_way_is_waited_for() {
        let mut order = Order::new();
        order.look(0, 0);
        order.take(1, 10, ());
        assert_eq!(ready(&mut order), [10]);
        order.take(3, 30, ());
        assert_eq!(ready(&mut order), [0; 0], "the second is missing");
        order.settle(10);
        order.look(2, 3);
        assert_eq!(ready(&mut order), [0; 0]);
        order.take(4, 20, ());
        order.look(2, 4);
        assert_eq!(ready(&mut order), [20, 30]);
    }

    #[test]
    fn what_comes_again_is_not_given_out_again_while_it_is_in_hand() {
        let mut order = Order::new();
        order.look(0, 0);
        order.take(1, 10, ());
        assert_eq!(ready(&mut order), [10]);
        assert!(order.take(2, 10, ()));
        assert_eq!(ready(&mut order), [0; 0]);
        order.settle(10);
        assert!(
            !order.take(3, 10, ()),
            "its settlement was lost: it is told twice"
        );
        assert_eq!(ready(&mut order), [10]);
    }

    #[test]
    fn what_is_leaving_does_not_make_up_for_what_is_lost() {
        let mut order = Order::new();
        order.look(0, 0);
        order.take(1, 10, ());
        assert_eq!(ready(&mut order), [10]);
        // The server has settled 10, but its answer is lost with the connection, and so is the delivery of 20.
        order.leave(10);
        order.take(3, 30, ());
        order.look(2, 3);
        assert_eq!(
            ready(&mut order),
            [0; 0],
            "20 and 30 are under way, and 20 is not here"
        );
        order.settle(10);
        order.take(4, 20, ());
        order.look(2, 4);
        assert_eq!(ready(&mut order), [20, 30]);
    }

    #[test]
    fn a_look_that_is_older_than_what_came_says_nothing() {
        let mut order = Order::new();
        order.take(7, 70, ());
        order.look(1, 6);
        assert!(order.is_in_doubt());
    }
}
