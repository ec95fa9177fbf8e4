//! One seat per owner: claims, policies and releases of one owner take turns, those of different owners do not meet.

use std::collections::HashMap;
use std::sync::Arc;

use roost_schemas::Owner;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::egress::Reach;
use crate::slot::Slot;

/// An owner's slot, or `None` while it is being claimed.
pub(super) type Seat = Arc<Mutex<Option<Taken>>>;

/// A slot that has an owner.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) slot: Slot,
    /// What it lets through; `None` if that is not known for sure, as after a restart.
    pub(super) reach: Option<Reach>,
}

#[derive(Debug, Default)]
pub(super) struct Seats {
    by_owner: HashMap<Owner, Seat>,
    /// Who can be told to have which slot, also while somebody has a turn on the seat.
    shown: HashMap<Owner, Slot>,
}

impl Seats {
    /// Seats an owner that was found on the machine.
    pub(super) fn adopt(&mut self, owner: Owner, slot: Slot) {
        self.show(&owner, &slot);
        let taken = Taken { slot, reach: None };
        self.by_owner.insert(owner, Arc::new(Mutex::new(Some(taken))));
    }

    /// The seat of `owner`, new if it had none.
    pub(super) fn take(&mut self, owner: &Owner) -> Seat {
        Arc::clone(self.by_owner.entry(owner.clone()).or_default())
    }

    /// The seat of `owner`, if it has one.
    pub(super) fn find(&self, owner: &Owner) -> Option<Seat> {
        self.by_owner.get(owner).map(Arc::clone)
    }

    /// Whether `seat` is still the seat of `owner`, not one that was removed meanwhile.
    pub(super) fn is_current(&self, owner: &Owner, seat: &OwnedMutexGuard<Option<Taken>>) -> bool {
        self.by_owner
            .get(owner)
            .is_some_and(|current| Arc::ptr_eq(current, OwnedMutexGuard::mutex(seat)))
    }

    /// Says from now on that `owner` has `slot`. Call with the seat locked and current.
    pub(super) fn show(&mut self, owner: &Owner, slot: &Slot) {
        self.shown.insert(owner.clone(), slot.clone());
    }

    /// Says from now on that `owner` has none. Call with the seat locked and current.
    pub(super) fn hide(&mut self, owner: &Owner) {
        self.shown.remove(owner);
    }

    /// Removes the seat of `owner`. Call with the seat locked and current.
    pub(super) fn remove(&mut self, owner: &Owner) {
        self.hide(owner);
        self.by_owner.remove(owner);
    }

    /// Owners with a slot, but for those that are getting or giving it up.
    pub(super) fn occupied(&self) -> Vec<(Owner, Slot)> {
        let shown = self.shown.iter();
        shown.map(|(owner, slot)| (owner.clone(), slot.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seat_that_was_given_up_is_told_from_its_successor() {
        let owner = Owner {
            sandbox: "sb1".parse().unwrap(),
            generation: roost_schemas::Generation(1),
        };
        let mut seats = Seats::default();
        let old = seats.take(&owner).lock_owned().await;
        assert!(seats.is_current(&owner, &old));
        seats.remove(&owner);
        assert!(!seats.is_current(&owner, &old));
        let new = seats.take(&owner).lock_owned().await;
        assert!(seats.is_current(&owner, &new) && !seats.is_current(&owner, &old));
        assert_eq!(
            seats.occupied(),
            [],
            "an owner that has not been given a slot is left out"
        );
    }
}
