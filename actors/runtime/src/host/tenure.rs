//! A host's tenure: its lease, renewed for as long as it can be, and the fence that closes when it cannot.
//!
//! ```text
//!   take ─▶ begin: the fence opens ─▶ renew every third of its time ─▶ fence moved on ─┐
//!                                        ▲        │  └─ not reachable: tried again ────┤
//!                                        └────────┴────────────────────────────────────┘
//!                                                 └─ overtaken: the tenure is over, and with it this life of the agent
//! ```
//!
//! The fence is moved to when the lease ends, counted from before the renewal was sent: whoever sees the lease stand still
//! for its time counts from later.

use std::sync::Arc;
use std::time::Duration;

use roost_journal::port::{Found, LeaseError, Leases, Version, Written};
use roost_schemas::lease::Lease;
use roost_schemas::{HostId, LifeId};

use crate::port::{Clock, Fault, Fence};

/// How long a lease lasts that is not renewed. Long enough for a restart of nats-server, short enough for whoever waits
/// for what was on a host that is gone.
pub const TTL: Duration = Duration::from_secs(20);
/// How long to wait before a store that did not answer is asked again.
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
    /// Another agent has begun under the same name.
    #[error(
        "another agent ({life}) has taken the lease of host {host}: only one may run under a name; \
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

impl Tenure {
    /// Takes the lease from whoever has it: the life of the agent before this one, as a rule. The fence stays as it is, so
    /// that nothing runs on that is not to.
    pub async fn take(terms: Terms) -> Result<Self, LeaseError> {
        loop {
            match Self::try_take(&terms).await {
                Ok(Some((version, until))) => {
                    return Ok(Self {
                        terms,
                        version,
                        until,
                    });
                }
                Ok(None) => {}
                Err(error @ LeaseError::Unavailable { .. }) => {
                    tracing::warn!(%error, "the lease cannot be taken yet");
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn try_take(terms: &Terms) -> Result<Option<(Version, Duration)>, LeaseError> {
        let found = terms.leases.read(&terms.host).await?;
        let over = found.map(|found| found.version).unwrap_or_default();
        let until = terms.clock.steady() + terms.ttl;
        let written = terms.leases.write(&terms.host, &terms.held(), over).await?;
        Ok(match written {
            Written::Stored(version) => Some((version, until)),
            Written::Overtaken(_) => None,
        })
    }

    /// Opens the fence, and keeps it open for as long as the lease can be renewed. To be begun once what is not to run on
    /// this host is destroyed. It ends only with the tenure.
    pub async fn keep(mut self) -> Over {
        loop {
            if let Err(fault) = self.terms.fence.extend(self.until).await {
                return Over::Fence(fault);
            }
            tokio::time::sleep(self.terms.ttl / 3).await;
            if let Err(over) = self.renewed().await {
                return over;
            }
        }
    }

    async fn renewed(&mut self) -> Result<(), Over> {
        loop {
            let Terms {
                leases,
                clock,
                host,
                ttl,
                ..
            } = &self.terms;
            let until = clock.steady() + *ttl;
            match leases.write(host, &self.terms.held(), self.version).await {
                Ok(Written::Stored(version)) => {
                    (self.version, self.until) = (version, until);
                    return Ok(());
                }
                Ok(Written::Overtaken(found)) => return Err(self.overtaken(found)),
                Err(error @ LeaseError::Unavailable { .. }) => {
                    let left = self.until.saturating_sub(clock.steady());
                    tracing::warn!(%error, ?left, "the lease could not be renewed");
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(RETRY_AFTER).await;
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
    fn held(&self) -> Lease {
        Lease::Held {
            life: self.life.clone(),
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
