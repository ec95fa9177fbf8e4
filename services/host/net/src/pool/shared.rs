//! The pool's state and the work on it, all of which runs in tasks of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roost_schemas::Owner;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::seats::{Seats, Taken};
use crate::egress::Reach;
use crate::error::Error;
use crate::host::{Host, numbers_in_use};
use crate::machine::thread;
use crate::make::{Made, destroy, make};
use crate::names::{Desk, Pins};
use crate::numbers::Numbers;
use crate::slot::Slot;
use crate::store::{Record, fingerprint};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) host: Arc<Host>,
    pub(super) state: Mutex<State>,
    /// Bounds slots under construction or destruction.
    pub(super) permits: Semaphore,
    /// Rung when a warm slot was taken.
    pub(super) short: Arc<Notify>,
    /// All work under way, for `close` to wait for.
    pub(super) tasks: TaskTracker,
    /// Cancelled under the state's lock, so that nothing starts once `close` waits.
    pub(super) closing: CancellationToken,
    /// Ends the refill when the pool is dropped.
    pub(super) _drop: DropGuard,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) numbers: Numbers,
    pub(super) warm: VecDeque<Slot>,
    pub(super) seats: Seats,
    /// By the numbers of their slots.
    pub(super) desks: HashMap<u32, Desk>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // The state is only ever changed by single assignments: a panic elsewhere cannot have left it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn claim(&self, owner: Owner) -> Result<Slot, Error> {
        let mut seat = loop {
            let seat = self.lock().seats.take(&owner);
            let seat = seat.lock_owned().await;
            // Between our taking the seat and our turn on it, a release may have removed it.
            if self.lock().seats.is_current(&owner, &seat) {
                break seat;
            }
        };
        if let Some(taken) = &*seat {
            return Ok(taken.slot.clone());
        }
        let claimed = self.claim_unowned(&owner).await;
        match claimed {
            Ok(slot) => {
                // A slot is made anew for each owner, so it carries no former owner's policy.
                let reach = Some(Reach::default());
                self.lock().seats.show(&owner, &slot);
                Ok(seat.insert(Taken { slot, reach }).slot.clone())
            }
            Err(error) => {
                self.lock().seats.remove(&owner);
                Err(error)
            }
        }
    }

    async fn claim_unowned(&self, owner: &Owner) -> Result<Slot, Error> {
        let warm = self.lock().warm.pop_front();
        self.short.notify_one();
        let slot = match warm {
            Some(slot) => slot,
            None => self.make().await?,
        };
        if let Err(error) = self.record(&slot, owner, Reach::default()).await {
            if let Err(error) = self.destroy(slot.number).await {
                tracing::error!(number = slot.number, %error, "cannot destroy a slot that could not be claimed");
            }
            return Err(error);
        }
        Ok(slot)
    }

    async fn record(&self, slot: &Slot, owner: &Owner, reach: Reach) -> Result<(), Error> {
        let host = Arc::clone(&self.host);
        let (number, host_address, owner) = (slot.number, slot.host_address, Some(owner.clone()));
        let save = move || {
            let addresses = host
                .plan
                .addresses(number)
                .expect("a slot's number is within the plan that made it");
            let record = Record {
                fingerprint: fingerprint(&host.config, &addresses),
                host_address,
                owner,
                reach,
            };
            host.store.save(number, &record)
        };
        let saved = tokio::task::spawn_blocking(save).await;
        Ok(saved.map_err(|error| Error::WorkerDied(error.to_string()))??)
    }

    pub(super) async fn release(&self, owner: &Owner) -> Result<(), Error> {
        let Some(seat) = self.lock().seats.find(owner) else {
            return Ok(());
        };
        let mut seat = seat.lock_owned().await;
        if let Some(taken) = &*seat {
            self.lock().seats.hide(owner);
            if let Err(error) = self.destroy(taken.slot.number).await {
                self.lock().seats.show(owner, &taken.slot);
                return Err(error);
            }
            *seat = None;
            self.lock().seats.remove(owner);
        }
        Ok(())
    }

    /// Lets the slot of `owner` carry out `reach`; costs nothing if it does already.
    pub(super) async fn apply(&self, owner: &Owner, reach: Reach) -> Result<(), Error> {
        let none = || Error::NoSlot { owner: owner.clone() };
        let seat = self.lock().seats.find(owner).ok_or_else(none)?;
        let mut seat = seat.lock_owned().await;
        let taken = seat.as_mut().ok_or_else(none)?;
        if taken.reach.as_ref() == Some(&reach) {
            return Ok(());
        }
        taken.reach = None;
        // First the record: rules that are loaded anew from it are never those of an earlier policy.
        self.record(&taken.slot, owner, reach.clone()).await?;
        let gate = self.lock().desks.get(&taken.slot.number).map(Desk::gate);
        gate.ok_or_else(none)?.change(reach.clone()).await?;
        taken.reach = Some(reach);
        Ok(())
    }

    /// Makes a slot with the next free number that no other host takes first.
    pub(super) async fn make(&self) -> Result<Slot, Error> {
        let _permit = self.permit().await?;
        loop {
            let number = self.allocate().await?;
            let addresses = self
                .host
                .plan
                .addresses(number)
                .expect("the allocator knows the plan's capacity");
            let host = Arc::clone(&self.host);
            let made = thread::run(format!("roost-make-{number}"), move || make(&host, &addresses)).await;
            match made {
                Ok(Ok(Made::Slot(slot, sockets))) => {
                    let (reach, pins) = (Reach::default(), Pins::default());
                    let desk = Desk::open(Arc::clone(&self.host), number, reach, sockets, pins);
                    self.lock().desks.insert(number, desk);
                    return Ok(slot);
                }
                Ok(Ok(Made::NumberTaken)) => self.lock().numbers.lost_to_another(number),
                Ok(Err(error)) => {
                    self.lock().numbers.free(number);
                    return Err(error);
                }
                // A panic: what it left is unknown, so the number stays used until the next open takes stock.
                Err(error) => return Err(error),
            }
        }
    }

    async fn allocate(&self) -> Result<u32, Error> {
        if let Ok(number) = self.lock().numbers.allocate() {
            return Ok(number);
        }
        // Before giving up, look whether other hosts have released numbers since.
        let present = thread::run("roost-look".to_owned(), numbers_in_use).await??;
        let mut state = self.lock();
        state.numbers.observe(present);
        state.numbers.allocate().map_err(|none| Error::Exhausted {
            veth: self.host.plan.veth_range(),
            host: self.host.plan.host_range(),
            capacity: self.host.plan.capacity(),
            used: none.used,
            foreign: none.foreign,
        })
    }

    pub(super) async fn destroy(&self, number: u32) -> Result<(), Error> {
        let _permit = self.permit().await?;
        let desk = self.lock().desks.remove(&number);
        if let Some(desk) = desk {
            desk.close().await;
        }
        let host = Arc::clone(&self.host);
        let destroyed = thread::run(format!("roost-free-{number}"), move || destroy(&host, number)).await?;
        destroyed.map_err(|source| Error::Destroy { number, source })?;
        self.lock().numbers.free(number);
        Ok(())
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.permits
            .acquire()
            .await
            .map_err(|_| Error::Closed(self.host.config.tag.clone()))
    }
}
