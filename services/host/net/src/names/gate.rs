//! What lets a guest ask, and its packet filter know: the one place where a slot's policy and its answers meet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nftables::schema::Nftables;
use roost_dns::{Closed, Gate};
use tokio::sync::Mutex;

use super::pins::{Mark, Pins, mark_of};
use crate::egress::Reach;
use crate::error::Error;
use crate::host::Host;
use crate::machine::{netns, nft, thread};
use crate::rules;

/// The gate of one slot. Clones are of the same.
#[derive(Debug, Clone)]
pub(crate) struct SlotGate {
    host: Arc<Host>,
    number: u32,
    /// What the packet filter carries out.
    reach: Arc<RwLock<Reach>>,
    /// Held while the packet filter is changed, so that no answer of an old policy comes after a new one.
    pins: Arc<Mutex<Pins>>,
}

impl SlotGate {
    pub(super) fn new(host: Arc<Host>, number: u32, reach: Reach, pins: Pins) -> Self {
        Self {
            host,
            number,
            reach: Arc::new(RwLock::new(reach)),
            pins: Arc::new(Mutex::new(pins)),
        }
    }

    /// Puts `reach` in place of what the slot let through, in one transaction. Addresses that names have which are still
    /// allowed stay open.
    pub(crate) async fn change(&self, reach: Reach) -> Result<(), Error> {
        let mut pins = self.pins.lock().await;
        let marks = reach.names.iter().map(mark_of).collect();
        let kept = pins.keep(&marks, Instant::now());
        self.apply(rules::egress::change(&reach, &kept)).await?;
        self.set(reach);
        Ok(())
    }

    /// Lets nothing more through. What is under way is done when this is.
    pub(super) async fn close(&self) {
        let _pins = self.pins.lock().await;
        self.set(Reach::default());
    }

    fn set(&self, reach: Reach) {
        *self.reach.write().unwrap_or_else(PoisonError::into_inner) = reach;
    }

    async fn apply(&self, document: Nftables<'static>) -> Result<(), Error> {
        let (host, number) = (Arc::clone(&self.host), self.number);
        let apply = move || {
            netns::enter(&host.store.namespace(number))?;
            nft::apply(&host.config.nft, &document)
        };
        let applied = thread::run(format!("roost-policy-{number}"), apply).await?;
        applied.map_err(|source| Error::Policy { number, source })
    }

    fn reach<T>(&self, look: impl FnOnce(&Reach) -> T) -> T {
        // It is only ever replaced whole.
        look(&self.reach.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn marks(&self, name: &str) -> BTreeSet<Mark> {
        self.reach(|reach| {
            let covering = reach.names.iter().filter(|pattern| pattern.covers(name));
            covering.map(mark_of).collect()
        })
    }

    /// Lets the addresses through that `name` has, if it is one that the policy allows.
    async fn open(&self, name: &str, addresses: &[Ipv4Addr], life: Duration) -> Result<(), Closed> {
        let closed = |source| Closed {
            name: name.to_owned(),
            source,
        };
        let mut pins = self.pins.lock().await;
        let marks = self.marks(name);
        if marks.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        let missing = pins.missing(addresses, &marks, now, life);
        let missing = missing.map_err(|full| closed(full.into()))?;
        if !missing.is_empty() {
            self.apply(rules::egress::pin(&missing))
                .await
                .map_err(|error| closed(error.into()))?;
        }
        pins.note(addresses, &marks, now, life);
        Ok(())
    }
}

#[async_trait]
impl Gate for SlotGate {
    fn may_ask(&self, name: &str) -> bool {
        self.reach(|reach| reach.may_resolve(name))
    }

    async fn admit(&self, name: &str, addresses: &[Ipv4Addr], life: Duration) -> Result<(), Closed> {
        let (gate, asked, addresses) = (self.clone(), name.to_owned(), addresses.to_owned());
        // In a task of its own: a guest that hangs up in the middle must not let the next change begin before this one has
        // ended, nor leave in the packet filter what nobody noted.
        let opened = tokio::spawn(async move { gate.open(&asked, &addresses, life).await });
        opened.await.unwrap_or_else(|error| {
            Err(Closed {
                name: name.to_owned(),
                source: error.into(),
            })
        })
    }
}
