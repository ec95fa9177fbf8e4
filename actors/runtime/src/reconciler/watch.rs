//! Which hosts live: how long each lease has not changed, while it was looked at.
//!
//! A lease is over for its watcher when the same record was seen over its time and [`MARGIN`], without a look that failed:
//! the holder, who counts from before it wrote, has then stood still for at least the margin.

use std::collections::BTreeMap;
use std::time::Duration;

use roost_journal::port::{Found, Version};
use roost_schemas::event::HostDown;
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
        let silent = self.hosts.iter().filter_map(|(host, seen)| match &seen.lease {
            Lease::Held { life, ttl_ms } => {
                let over = Duration::from_millis(*ttl_ms).saturating_add(MARGIN);
                let stood_still = seen.until.saturating_sub(seen.since);
                (stood_still >= over).then(|| (host.clone(), life.clone()))
            }
            Lease::Revoked { .. } => None,
        });
        silent.collect()
    }

    /// Hosts whose lease is revoked.
    pub(super) fn revoked(&self) -> BTreeMap<HostId, HostDown> {
        let revoked = self.hosts.iter().filter_map(|(host, seen)| match &seen.lease {
            Lease::Revoked { life, .. } => {
                let (life, lease) = (life.clone(), seen.version.0);
                Some((host.clone(), HostDown { life, lease }))
            }
            Lease::Held { .. } => None,
        });
        revoked.collect()
    }

    /// The record by which `life` holds the lease of `host`.
    pub(super) fn version(&self, host: &HostId, life: &LifeId) -> Option<Version> {
        let seen = self.hosts.get(host)?;
        (seen.lease.life() == life).then_some(seen.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(20);
    const OVER: Duration = Duration::from_secs(25);

    fn found(version: u64, lease: Lease) -> BTreeMap<HostId, Found> {
        let version = Version(version);
        [(HostId::new("h1").unwrap(), Found { lease, version })].into()
    }

    fn held(version: u64) -> BTreeMap<HostId, Found> {
        let ttl_ms = u64::try_from(TTL.as_millis()).unwrap();
        let life = LifeId::new("one").unwrap();
        found(version, Lease::Held { life, ttl_ms })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn a_record_that_stands_still_is_over_after_its_time_and_the_margin() {
        let mut watch = Watch::default();
        for second in 0..25 {
            watch.saw(held(7), at(second));
            assert!(watch.silent().is_empty(), "after {second} s of {OVER:?}");
        }
        watch.saw(held(7), at(25));
        let (host, life) = watch.silent().pop_first().unwrap();
        assert_eq!(watch.version(&host, &life), Some(Version(7)));
        assert_eq!(watch.version(&host, &LifeId::new("two").unwrap()), None);
    }

    #[test]
    fn a_renewal_or_a_look_that_failed_begins_anew() {
        let mut watch = Watch::default();
        watch.saw(held(7), at(0));
        watch.saw(held(8), at(24));
        watch.saw(held(8), at(48));
        assert!(watch.silent().is_empty());
        watch.blind();
        watch.saw(held(8), at(60));
        watch.saw(held(8), at(84));
        assert!(watch.silent().is_empty());
        watch.saw(held(8), at(85));
        assert_eq!(watch.silent().len(), 1);
    }

    #[test]
    fn what_is_revoked_is_never_silent_and_what_is_gone_is_forgotten() {
        let mut watch = Watch::default();
        let life = LifeId::new("one").unwrap();
        let revoked = || {
            let at = roost_schemas::Timestamp(1);
            let life = life.clone();
            found(9, Lease::Revoked { life, at })
        };
        watch.saw(revoked(), at(0));
        watch.saw(revoked(), at(100));
        assert!(watch.silent().is_empty());
        let down = watch.revoked().into_values().next().unwrap();
        assert_eq!((&down.life, down.lease), (&life, 9));
        watch.saw(BTreeMap::new(), at(101));
        assert!(watch.revoked().is_empty());
    }

    #[test]
    fn a_time_that_makes_no_sense_is_never_over() {
        let mut watch = Watch::default();
        let life = LifeId::new("one").unwrap();
        let lease = Lease::Held {
            life,
            ttl_ms: u64::MAX,
        };
        watch.saw(found(7, lease.clone()), at(0));
        watch.saw(found(7, lease), at(u32::MAX.into()));
        assert!(watch.silent().is_empty());
    }
}
