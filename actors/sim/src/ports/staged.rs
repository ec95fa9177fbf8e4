//! The machine as one life of its host's agent has it: steps are slow, refused, or done without anybody hearing of it.

mod engines;
mod guests;
mod places;
mod snapshots;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use roost_journal::memory::Passage;
use roost_runtime::memory::Machine;
use roost_runtime::port::{Edge, Fault, Fence};
use roost_schemas::Owner;

use super::Link;
use crate::faults::Kind;

/// One life's hands on its machine.
#[derive(Clone)]
pub(crate) struct Staged {
    link: Link,
    machine: Machine,
}

impl Staged {
    pub(crate) fn new(link: Link, machine: Machine) -> Self {
        Self { link, machine }
    }

    /// Takes one step.
    async fn step<T>(
        &self,
        kind: Kind,
        what: &'static str,
        about: impl ToString,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let passage = self.link.turn(kind, what, about.to_string()).await;
        let result = match passage {
            Passage::Lost => Err(Fault::new(what, "it was refused, as the weather would have it")),
            Passage::Late(_) => Err(Fault::timed_out(what, "nothing answers")),
            Passage::Through | Passage::Unanswered | Passage::Twice(_) => work.await,
        };
        self.link.took_effect().await;
        if passage == Passage::Unanswered {
            return Err(Fault::timed_out(what, "it was done, but nobody said so"));
        }
        result
    }
}

/// The agent's own: it ends with its life.
impl Edge for Staged {
    fn open(&self, owner: &Owner, address: IpAddr) {
        if !self.link.life.is_dead() {
            self.machine.open(owner, address);
        }
    }

    fn close(&self, owner: &Owner) {
        if !self.link.life.is_dead() {
            self.machine.close(owner);
        }
    }
}

#[async_trait]
impl Fence for Staged {
    async fn extend(&self, until: Duration) -> Result<(), Fault> {
        let about = format!("{}s", until.as_secs());
        self.step(Kind::Look, "fence", about, self.machine.extend(until))
            .await
    }
}
