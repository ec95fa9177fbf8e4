//! Which guests are open: at most one placement of each sandbox.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::token::TokenKey;
use roost_schemas::{Owner, SandboxId};

use crate::guest::Guest;

/// The open guests of this host.
#[derive(Debug)]
pub(crate) struct Guests {
    tokens: TokenKey,
    open: Mutex<HashMap<SandboxId, Arc<Guest>>>,
}

impl Guests {
    pub(crate) fn new(tokens: TokenKey) -> Self {
        Self {
            tokens,
            open: Mutex::default(),
        }
    }

    /// Opens it in place of an older placement; one that is itself older stays closed.
    pub(crate) fn open(&self, owner: &Owner, address: IpAddr) {
        let mut open = self.lock();
        if let Some(there) = open.get(&owner.sandbox) {
            let is_same = there.owner == *owner && there.address == address;
            if is_same || there.owner.generation > owner.generation {
                return;
            }
            there.close();
        }
        let guest = Guest::new(owner.clone(), address, self.tokens.access(&owner.sandbox));
        open.insert(owner.sandbox.clone(), Arc::new(guest));
    }

    /// Closes this placement, and no other.
    pub(crate) fn close(&self, owner: &Owner) {
        let mut open = self.lock();
        if let Some(guest) = open.get(&owner.sandbox)
            && guest.owner == *owner
        {
            guest.close();
            open.remove(&owner.sandbox);
        }
    }

    pub(crate) fn get(&self, sandbox: &SandboxId) -> Option<Arc<Guest>> {
        self.lock().get(sandbox).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SandboxId, Arc<Guest>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use roost_schemas::Generation;

    use super::*;

    fn owner(generation: u64) -> Owner {
        Owner {
            sandbox: SandboxId::new("s").unwrap(),
            generation: Generation(generation),
        }
    }

    #[tokio::test]
    async fn the_newest_placement_is_the_open_one() {
        let guests = Guests::new("1".repeat(64).parse().unwrap());
        let at = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let open = |guests: &Guests| guests.get(&owner(0).sandbox).map(|guest| guest.address);
        guests.open(&owner(2), at(2));
        guests.open(&owner(1), at(1));
        assert_eq!(open(&guests), Some(at(2)));
        guests.close(&owner(1));
        assert_eq!(open(&guests), Some(at(2)));
        let second = guests.get(&owner(0).sandbox).unwrap();
        guests.open(&owner(3), at(3));
        assert!(second.is_closed());
        assert_eq!(open(&guests), Some(at(3)));
        guests.close(&owner(3));
        assert_eq!(open(&guests), None);
    }
}
