//! When sandboxes' time is over, by a clock that nobody can set.
//!
//! The log has the end of a sandbox's time as a time of day. What counts is how much was left of it when it was first seen
//! here, so that a clock that is set forward ends nobody early, and one that is set back lets nobody live on.

use std::collections::BTreeMap;
use std::time::Duration;

use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Phase;
use roost_schemas::{SandboxId, TenantId, Timestamp};

type Key = (TenantId, SandboxId);

/// The ends of time that are known.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeMap<Key, Deadline>);

#[derive(Debug, Clone, Copy)]
struct Deadline {
    /// As the log has it.
    expires_at: Timestamp,
    /// The same by the steady clock.
    due: Duration,
}

impl Deadlines {
    /// The running sandboxes whose time is over, and for how long.
    pub(super) fn overdue(
        &mut self,
        fleet: &Fleet,
        now: Timestamp,
        steady: Duration,
    ) -> BTreeMap<Key, Duration> {
        let before = std::mem::take(&mut self.0);
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
                due: steady + expires_at.since(now),
            });
            self.0.insert(key, deadline);
        }
        let over = self.0.iter().filter(|(_, deadline)| deadline.due <= steady);
        over.map(|(key, deadline)| (key.clone(), steady.saturating_sub(deadline.due)))
            .collect()
    }
}
