//! Which hosts live: how long each lease has not changed, while it was looked at.
//!
//! A lease is over for its watcher when the same record was seen over its time and [`MARGIN`], without a look that failed:
//! the holder, who counts from before it wrote, has then stood still for at least the margin.

use std::collections::BTreeMap;
use std::time::Duration;

use roost_journal::port::{Found, Version};
use roost_schemas::lease::Lease;
use roost_schemas::{HostId, LifeId};

use crate::host::MARGIN;

/// The leases as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Watch {
    hosts: BTreeMap<HostId, Seen>,
}

#[derive(Debug)]
struct Seen {
    lease: Lease,
    version: Version,
    /// When this record was first seen in an unbroken row of looks.
    since: Duration,
    /// When it was last seen.
    until: Duration,
}

impl Watch {
    /// Takes in what all leases are, as of `now` by a steady clock.
    pub(super) fn saw(&mut self, found: BTreeMap<HostId, Found>, now: Duration) {
        let before = std::mem::take(&mut self.hosts);
        let seen = found.into_iter().map(|(host, Found { lease, version })| {
            let known = before.get(&host).filter(|seen| seen.version == version);
            let since = known.map_or(now, |seen| seen.since);
            let seen = Seen {
                lease,
                version,
                since,
                until: now,
            };
            (host, seen)
        });
        self.hosts = seen.collect();
    }

    /// A look has failed: hosts may not have been able to renew either, so nobody has been silent.
    pub(super) fn blind(&mut self) {
        self.hosts.clear();
    }

    /// Hosts whose lease is over.
    pub(super) fn silent(&self) -> BTreeMap<HostId, LifeId> {
        self.having(|seen| match &seen.lease {
            Lease::Held { life, ttl_ms } => {
                let ttl = Duration::from_millis(*ttl_ms);
                (seen.until.saturating_sub(seen.since) >= ttl.saturating_add(MARGIN)).then_some(life)
            }
            Lease::Revoked { .. } => None,
        })
    }

    /// Hosts whose lease is revoked.
    pub(super) fn revoked(&self) -> BTreeMap<HostId, LifeId> {
        self.having(|seen| match &seen.lease {
            Lease::Revoked { life, .. } => Some(life),
            Lease::Held { .. } => None,
        })
    }

    /// The record by which `life` holds the lease of `host`.
    pub(super) fn version(&self, host: &HostId, life: &LifeId) -> Option<Version> {
        let seen = self.hosts.get(host)?;
        (seen.lease.life() == life).then_some(seen.version)
    }

    fn having<'a>(&'a self, life: impl Fn(&'a Seen) -> Option<&'a LifeId>) -> BTreeMap<HostId, LifeId> {
        self.hosts
            .iter()
            .filter_map(|(host, seen)| Some((host.clone(), life(seen)?.clone())))
            .collect()
    }
}
