//! When sandboxes' time is over, by a clock that nobody can set.
//!
//! The log has the end of a sandbox's time as a time of day. What counts is how much was left of it when it was first seen
//! here, so that a clock that is set forward ends nobody early, and one that is set back lets nobody live on. What is known
//! outlives this process: a restart counts on.
//!
//! A clock that was set between an end being written and its being seen is seen to have been: of what the time of day may
//! have been then, the earliest counts. So an end may come late by as much as the clock was set, and never early. Hosts'
//! clocks and this one are taken to agree otherwise, as they do where time is kept by NTP.

mod days;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Phase;
use roost_schemas::codec::{self, Undecodable};
use roost_schemas::{SandboxId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use days::Days;

type Key = (TenantId, SandboxId);

/// The ends of time that are known.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    known: BTreeMap<Key, Deadline>,
    days: Days,
    /// Whether something is known that is not kept yet.
    unkept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Deadline {
    /// As the log has it.
    expires_at: Timestamp,
    /// The same by the steady clock.
    due: Duration,
}

/// What is kept of them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    days: Days,
    deadlines: Vec<(Key, Deadline)>,
}

impl Deadlines {
    /// Goes on from what was kept, at `steady`.
    pub(super) fn restore(bytes: &[u8], steady: Duration) -> Result<Self, Undecodable> {
        let Record { mut days, deadlines } = codec::decode("record of deadlines", bytes)?;
        days.wake(steady);
        Ok(Self {
            known: deadlines.into_iter().collect(),
            days,
            unkept: false,
        })
    }

    /// What is to be kept, if it is not yet.
    pub(super) fn unkept(&self) -> Option<Vec<u8>> {
        let record = || Record {
            days: self.days.clone(),
            deadlines: self.known.clone().into_iter().collect(),
        };
        self.unkept.then(|| codec::encode(&record()))
    }

    /// All that is known is kept.
    pub(super) fn kept(&mut self) {
        self.unkept = false;
    }

    /// The running sandboxes whose time is over, and for how long.
    pub(super) fn overdue(
        &mut self,
        fleet: &Fleet,
        now: Timestamp,
        steady: Duration,
    ) -> BTreeMap<Key, Duration> {
        let another_day = self.days.see(now, steady);
        let day = self.days.earliest(steady);
        let before = std::mem::take(&mut self.known);
        for (tenant, id, view) in fleet.live() {
            let Some(expires_at) = view.state.expires_at else {
                continue;
            };
            if view.state.phase != Phase::Running {
                continue;
            }
            let key = (tenant.clone(), id.clone());
            let known = before.get(&key).filter(|known| known.expires_at == expires_at);
            let deadline = known.copied().unwrap_or_else(|| Deadline {
                expires_at,
                due: steady + expires_at.since(day),
            });
            self.known.insert(key, deadline);
        }
        self.unkept |= another_day || before != self.known;
        let over = self.known.iter().filter(|(_, deadline)| deadline.due <= steady);
        over.map(|(key, deadline)| (key.clone(), steady.saturating_sub(deadline.due)))
            .collect()
    }
}
