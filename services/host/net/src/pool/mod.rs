//! The pool: slots made ahead of time, claimed once per owner, destroyed on release.
//!
//! ```text
//!               refill                claim(owner)                release(owner)
//!   (number) ──────────► warm ──────────────────────► claimed ──────────────────► (destroyed)
//!                          │                            │
//!                          │ close, crash               │ close, crash: kept with its owner's name,
//!                          ▼                            ▼ found again by the next open
//!                     (destroyed /                   claimed
//!                      adopted)
//! ```
//!
//! A released slot is destroyed rather than reused: a fresh namespace is the cheapest proof that nothing of the last
//! guest is left in one. Every operation runs in a task of its own, so that a caller that is dropped in the middle leaves
//! no half-done work behind; asking again with the same owner finds what was done.

mod refill;
mod seats;
mod shared;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use roost_schemas::Owner;
use roost_schemas::network::NetworkPolicy;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::egress::Reach;
use crate::error::Error;
use crate::host::Host;
use crate::machine::thread;
use crate::names::Desk;
use crate::numbers::Numbers;
use crate::slot::Slot;
use seats::Seats;
use shared::{Shared, State};

/// The slots of one host instance. Clones share one pool.
///
/// Dropping it destroys nothing, like a crash: what was claimed stays claimed and is found by the next [`Self::open`].
#[derive(Debug, Clone)]
pub struct SlotPool {
    shared: Arc<Shared>,
}

impl SlotPool {
    /// Opens the pool of `config.tag`: prepares the machine, adopts the slots an earlier process left, destroys what it
    /// left half made, and starts filling up in the background.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let (host, found) = thread::run("roost-open".to_owned(), move || {
            let host = Arc::new(Host::open(config)?);
            let found = host.take_stock()?;
            Ok::<_, Error>((host, found))
        })
        .await??;

        // Hosts start their search at different numbers, so that they rarely contend for one.
        let mut numbers = Numbers::new(host.plan.capacity(), host.config.tag.link_group());
        let mut warm = VecDeque::new();
        let mut seats = Seats::default();
        let mut desks = HashMap::new();
        for found in found.slots {
            let (number, slot) = (found.slot.number, found.slot);
            let desk = Desk::open(Arc::clone(&host), number, found.reach, found.sockets, found.pins);
            desks.insert(number, desk);
            numbers.adopt(number);
            match found.owner {
                Some(owner) => seats.adopt(owner, slot),
                None => warm.push_back(slot),
            }
        }
        numbers.observe(found.numbers);
        let permits = Semaphore::new(host.config.concurrency);
        let closing = CancellationToken::new();
        let shared = Arc::new(Shared {
            host,
            state: Mutex::new(State {
                numbers,
                warm,
                seats,
                desks,
            }),
            permits,
            short: Arc::default(),
            tasks: TaskTracker::new(),
            _drop: closing.clone().drop_guard(),
            closing,
        });
        tokio::spawn(refill::run(
            Arc::downgrade(&shared),
            Arc::clone(&shared.short),
            shared.closing.clone(),
        ));
        Ok(Self { shared })
    }

    /// The slot of `owner`: the one it has, else a warm one, else one made on the spot.
    pub async fn claim(&self, owner: Owner) -> Result<Slot, Error> {
        self.detached(|shared| async move { shared.claim(owner).await })
            .await
    }

    /// Lets the slot of `owner` carry out `policy`, in place of what it carried out before. Connections that are open are
    /// held to it with their next packet. The lists' IPv6 ranges have nothing to match: slots carry IPv4 alone.
    pub async fn apply(&self, owner: Owner, policy: &NetworkPolicy) -> Result<(), Error> {
        let reach = Reach::from(policy);
        self.detached(|shared| async move { shared.apply(&owner, reach).await })
            .await
    }

    /// Destroys the slot of `owner`, if it has one. The engine in it should have been stopped before.
    pub async fn release(&self, owner: Owner) -> Result<(), Error> {
        self.detached(|shared| async move { shared.release(&owner).await })
            .await
    }

    /// Who has which slot, claims and releases under way left out.
    pub fn owners(&self) -> Vec<(Owner, Slot)> {
        self.shared.lock().seats.occupied()
    }

    /// How many unclaimed slots are ready.
    pub fn warm(&self) -> usize {
        self.shared.lock().warm.len()
    }

    /// Stops the pool: waits for work under way and destroys unclaimed slots. Claimed slots keep working and are found
    /// again by the next [`Self::open`]; if there are none, nothing of this host instance is left on the machine.
    pub async fn close(self) -> Result<(), Error> {
        self.stop().await?;
        if self.owners().is_empty() {
            self.remove_host().await
        } else {
            Ok(())
        }
    }

    /// Stops the pool and destroys everything of this host instance, claimed slots included.
    pub async fn purge(self) -> Result<(), Error> {
        self.stop().await?;
        for number in self.shared.host.store.traces()? {
            self.shared.destroy(number).await?;
        }
        self.remove_host().await
    }

    async fn stop(&self) -> Result<(), Error> {
        {
            let _state = self.shared.lock();
            self.shared.closing.cancel();
        }
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        let (warm, desks) = {
            let mut state = self.shared.lock();
            (std::mem::take(&mut state.warm), std::mem::take(&mut state.desks))
        };
        for desk in desks.into_values() {
            desk.close().await;
        }
        for slot in warm {
            self.shared.destroy(slot.number).await?;
        }
        Ok(())
    }

    async fn remove_host(&self) -> Result<(), Error> {
        let host = Arc::clone(&self.shared.host);
        Ok(thread::run("roost-close".to_owned(), move || host.remove()).await??)
    }

    /// Runs `work` in a task that goes on when the caller is dropped.
    async fn detached<T, F>(&self, work: impl FnOnce(Arc<Shared>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task = {
            let _state = self.shared.lock();
            if self.shared.closing.is_cancelled() {
                return Err(Error::Closed(self.shared.host.config.tag.clone()));
            }
            self.shared.tasks.spawn(work(Arc::clone(&self.shared)))
        };
        task.await.map_err(|error| Error::WorkerDied(error.to_string()))?
    }
}
