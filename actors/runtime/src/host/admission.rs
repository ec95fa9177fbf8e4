//! How many commands this host works on at a time, altogether and for one sandbox.
//!
//! ```text
//!   queue ─▶ wait for a place ─▶ take the next ─┬─▶ HostActor ─▶ SandboxActor ─▶ settled: its place is free
//!                                               └─ its sandbox has its fill ─▶ refused, or put off
//! ```
//!
//! The mailboxes of actors have no bound, so there is one before them: what has no place stays in the queue, on disk. A
//! sandbox that is stuck, or that somebody floods, fills its own share and no more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roost_journal::port::{Delivery, Queue, QueueError, Settle, max_taken};
use roost_schemas::CommandId;
use roost_schemas::reply::{Code, Rejected, Reply};
use roost_schemas::subject::Route;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Key, REDELIVER_AFTER};
use crate::intake;

/// Commands for one sandbox that are not settled: as many programs as a gateway awaits, and a part of what the host takes.
const EACH: usize = 256;

/// Who has a place; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    held: Arc<Mutex<HashMap<Key, Vec<CommandId>>>>,
}

/// Why a command is not let in.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Its sandbox has as many as it may.
    Full,
    /// The same, and this very command is among them.
    Again,
}

impl Admission {
    /// With as many places as the queue lets commands of `route` be under way. What it delivers twice takes two.
    pub(super) fn new(route: &Route) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max_taken(route))),
            held: Arc::default(),
        }
    }

    /// Waits until one more command may be taken from the queue.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.expect("nobody closes the semaphore")
    }

    /// Lets `delivery` keep `place` until it is settled. One for a sandbox that has its fill is dealt with here: who waits
    /// for the answer is told to come again, and a command that nobody waits for comes again by itself.
    pub(super) fn admit(
        &self,
        queue: &Arc<dyn Queue>,
        place: OwnedSemaphorePermit,
        mut delivery: Delivery,
    ) -> Option<Delivery> {
        let key = (delivery.subject.tenant.clone(), delivery.subject.sandbox.clone());
        let command = delivery.message.command_id.clone();
        match self.claim(key, command) {
            Ok(share) => {
                let inner = delivery.settle;
                delivery.settle = Box::new(Placed {
                    inner,
                    _share: share,
                    _place: place,
                });
                Some(delivery)
            }
            Err(refused) => {
                tokio::spawn(refuse(Arc::clone(queue), place, delivery, refused));
                None
            }
        }
    }

    fn claim(&self, key: Key, command: CommandId) -> Result<Share, Refused> {
        let mut held = locked(&self.held);
        let of_sandbox = held.entry(key.clone()).or_default();
        if of_sandbox.len() >= EACH {
            return Err(if of_sandbox.contains(&command) {
                Refused::Again
            } else {
                Refused::Full
            });
        }
        of_sandbox.push(command.clone());
        Ok(Share {
            held: Arc::clone(&self.held),
            key,
            command,
        })
    }
}

async fn refuse(queue: Arc<dyn Queue>, place: OwnedSemaphorePermit, delivery: Delivery, refused: Refused) {
    let (sandbox, command) = (
        delivery.subject.sandbox.clone(),
        delivery.message.command_id.clone(),
    );
    let settled = if delivery.message.reply.is_some() && refused == Refused::Full {
        tracing::warn!(%sandbox, %command, "a command is refused: its sandbox has too many");
        let rejected = Rejected {
            code: Code::Unavailable,
            message: format!("sandbox {sandbox} has {EACH} commands before it already; try again"),
        };
        intake::conclude(&*queue, delivery, &Reply::Rejected(rejected)).await
    } else {
        delivery.settle.later(REDELIVER_AFTER).await
    };
    if let Err(error) = settled {
        tracing::warn!(%command, %error, "it will be delivered again");
    }
    drop(place);
}

/// One command's part of what its sandbox may have.
#[derive(Debug)]
struct Share {
    held: Arc<Mutex<HashMap<Key, Vec<CommandId>>>>,
    key: Key,
    command: CommandId,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = locked(&self.held);
        if let Entry::Occupied(mut of_sandbox) = held.entry(self.key.clone()) {
            let commands = of_sandbox.get_mut();
            if let Some(found) = commands.iter().position(|command| *command == self.command) {
                commands.swap_remove(found);
            }
            if commands.is_empty() {
                of_sandbox.remove();
            }
        }
    }
}

/// Nothing in here panics while it holds the lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A settlement that gives the place back.
#[derive(Debug)]
struct Placed {
    inner: Box<dyn Settle>,
    _share: Share,
    _place: OwnedSemaphorePermit,
}

#[async_trait]
impl Settle for Placed {
    async fn done(self: Box<Self>) -> Result<(), QueueError> {
        self.inner.done().await
    }

    async fn progress(&self) -> Result<(), QueueError> {
        self.inner.progress().await
    }

    async fn later(self: Box<Self>, after: Duration) -> Result<(), QueueError> {
        self.inner.later(after).await
    }
}

#[cfg(test)]
mod tests {
    use roost_schemas::{HostId, SandboxId, TenantId};

    use super::*;

    fn key(sandbox: &str) -> Key {
        (TenantId::new("t").unwrap(), SandboxId::new(sandbox).unwrap())
    }

    fn id(n: usize) -> CommandId {
        CommandId::new(format!("c{n}")).unwrap()
    }

    #[test]
    fn a_sandbox_has_its_share_and_leaves_nothing_behind() {
        let admission = Admission::new(&Route::Host(HostId::new("h").unwrap()));
        let mut shares: Vec<_> = (0..EACH)
            .map(|n| admission.claim(key("a"), id(n)).unwrap())
            .collect();
        assert_eq!(admission.claim(key("a"), id(EACH)).unwrap_err(), Refused::Full);
        assert_eq!(admission.claim(key("a"), id(0)).unwrap_err(), Refused::Again);
        drop(admission.claim(key("b"), id(0)).unwrap());
        shares.pop();
        drop(admission.claim(key("a"), id(EACH)).unwrap());
        drop(shares);
        assert!(locked(&admission.held).is_empty());
    }
}
