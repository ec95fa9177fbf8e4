//! A host's tenure: its lease, renewed for as long as it can be, and the fence that closes when it cannot.
//!
//! ```text
//!   read ─▶ free, or of an earlier life ──────────────▶ take ─▶ keep: renew every third of its time ─▶ fence moved on ─┐
//!     ▲ └─▶ somebody else's: wait ─ stood still ───────▶ ▲          ▲   │  └─ not reachable: tried again ───────────────┤
//!     └────────────────┘ └─ renewed: the tenure is over             └───┼──────────────────────────────────────────────┘
//!                                                                       └─ overtaken: the tenure is over,
//!                                                                          and with it this life of the agent
//! ```
//!
//! The fence is moved to when the lease ends, counted from before the renewal was sent: whoever sees the lease stand still
//! for its time counts from later.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use roost_journal::port::{Found, LeaseError, Leases, Version, Written};
use roost_schemas::lease::Lease;
use roost_schemas::{HostId, LifeId};

use crate::port::{Clock, Fault, Fence};

/// How long a lease lasts that is not renewed. Long enough for a restart of nats-server, short enough for whoever waits
/// for what was on a host that is gone.
pub const TTL: Duration = Duration::from_secs(20);
/// How much longer than its time a lease must stand still for others to call it over: for clocks that go at different
/// speeds, and for the fence to close.
pub const MARGIN: Duration = Duration::from_secs(5);
/// How long to wait before a store that did not answer, or somebody else's lease, is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What a tenure stands on.
#[derive(Clone)]
pub struct Terms {
    /// The leases.
    pub leases: Arc<dyn Leases>,
    /// What stops this host's VMs when the lease is over.
    pub fence: Arc<dyn Fence>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// This host.
    pub host: HostId,
    /// This life of its agent.
    pub life: LifeId,
    /// Earlier lives of this agent, which are known to be over: only what they hold is taken without waiting.
    pub before: BTreeSet<LifeId>,
    /// How long the lease lasts without a renewal; see [`TTL`].
    pub ttl: Duration,
}

/// A lease that is held.
pub struct Tenure {
    terms: Terms,
    version: Version,
    /// When it ends, by the steady clock.
    until: Duration,
}

/// Why a tenure has ended.
#[derive(Debug, thiserror::Error)]
pub enum Over {
    /// The reconciler took this host for dead.
    #[error(
        "the lease of host {host} was revoked, because it was not renewed in time: what ran here is given up; \
         start the agent again, which begins anew"
    )]
    Revoked {
        /// This host.
        host: HostId,
    },
    /// Another agent runs under the same name.
    #[error(
        "another agent ({life}) holds the lease of host {host}: only one may run under a name; \
         stop one of them, or give it another --host-id"
    )]
    Taken {
        /// This host.
        host: HostId,
        /// The other.
        life: LifeId,
    },
    /// The leases do not make sense.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The fence cannot be moved, so VMs would stand still in the midst of a lease.
    #[error(transparent)]
    Fence(#[from] Fault),
}

/// Somebody else's lease while it is waited for.
struct Standing {
    version: Version,
    /// When it was first seen.
    since: Duration,
}

impl Tenure {
    /// Takes the lease. The fence stays as it is, so that nothing runs on that is not to.
    pub async fn take(terms: Terms) -> Result<Self, Over> {
        let mut standing = None;
        loop {
            match Self::try_take(&terms, &mut standing).await {
                Ok(Some((version, until))) => {
                    return Ok(Self {
                        terms,
                        version,
                        until,
                    });
                }
                Ok(None) => {}
                Err(Over::Lease(error @ LeaseError::Unavailable { .. })) => {
                    tracing::warn!(%error, "the lease cannot be taken yet");
                    // Whoever holds it could not renew it either.
                    standing = None;
                }
                Err(over) => return Err(over),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn try_take(
        terms: &Terms,
        standing: &mut Option<Standing>,
    ) -> Result<Option<(Version, Duration)>, Over> {
        let found = terms.leases.read(&terms.host).await?;
        if let Some(found) = &found
            && !terms.may_take(found, standing)?
        {
            return Ok(None);
        }
        let over = found.map(|found| found.version).unwrap_or_default();
        let until = terms.clock.steady() + terms.ttl;
        let written = terms.leases.write(&terms.host, &terms.held(), over).await?;
        Ok(match written {
            Written::Stored(version) => Some((version, until)),
            Written::Overtaken(_) => None,
        })
    }

    /// The record by which the lease was taken, for the registration.
    pub fn lease(&self) -> u64 {
        self.version.0
    }

    /// Renews the lease for as long as it can be renewed, and keeps the fence open once `swept` is through: once what is
    /// not to run on this host is destroyed. It ends only with the tenure.
    pub async fn keep(mut self, swept: impl Future<Output = ()>) -> Over {
        let mut swept = pin!(swept);
        let mut opens = false;
        loop {
            if opens && let Err(fault) = self.terms.fence.extend(self.until).await {
                return Over::Fence(fault);
            }
            tokio::select! {
                biased;
                () = &mut swept, if !opens => opens = true,
                () = tokio::time::sleep(self.terms.ttl / 3) => {}
            }
            if let Err(over) = self.renewed().await {
                return over;
            }
        }
    }

    async fn renewed(&mut self) -> Result<(), Over> {
        loop {
            let begun = self.terms.clock.steady();
            let mut tries = 0u32;
            while !self.try_renew(begun).await? {
                tries += 1;
                tokio::time::sleep(RETRY_AFTER).await;
            }
            // What is stored may be what an earlier try has sent, which others have seen since then.
            let left = self.until.saturating_sub(self.terms.clock.steady());
            if tries == 0 || left > self.terms.ttl / 2 {
                return Ok(());
            }
        }
    }

    /// One try of a renewal that was `begun` then; answers whether it is stored.
    async fn try_renew(&mut self, begun: Duration) -> Result<bool, Over> {
        let Terms { leases, host, .. } = &self.terms;
        match leases.write(host, &self.terms.held(), self.version).await {
            Ok(Written::Stored(version)) => {
                (self.version, self.until) = (version, begun + self.terms.ttl);
                Ok(true)
            }
            Ok(Written::Overtaken(found)) => Err(self.overtaken(found)),
            Err(error @ LeaseError::Unavailable { .. }) => {
                let left = self.until.saturating_sub(self.terms.clock.steady());
                tracing::warn!(%error, ?left, "the lease could not be renewed");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn overtaken(&self, found: Option<Found>) -> Over {
        let host = self.terms.host.clone();
        match found.map(|found| found.lease) {
            Some(Lease::Held { life, .. }) => Over::Taken { host, life },
            Some(Lease::Revoked { .. }) | None => Over::Revoked { host },
        }
    }
}

impl Terms {
    /// Whether what stands there may be replaced. Somebody else's may when it has stood still for as long as the reconciler
    /// would wait; if it is renewed meanwhile, two agents have one name.
    fn may_take(&self, found: &Found, standing: &mut Option<Standing>) -> Result<bool, Over> {
        let Lease::Held { life, ttl_ms } = &found.lease else {
            return Ok(true);
        };
        if *life == self.life || self.before.contains(life) {
            return Ok(true);
        }
        let now = self.clock.steady();
        let Some(Standing { version, since }) = standing else {
            tracing::warn!(host = %self.host, %life, "another agent may have the lease; waiting until it is over");
            *standing = Some(Standing {
                version: found.version,
                since: now,
            });
            return Ok(false);
        };
        if *version != found.version {
            return Err(Over::Taken {
                host: self.host.clone(),
                life: life.clone(),
            });
        }
        let time = Duration::from_millis(*ttl_ms).saturating_add(MARGIN);
        Ok(now.saturating_sub(*since) >= time)
    }

    fn held(&self) -> Lease {
        Lease::Held {
            life: self.life.clone(),
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
