//! What a tenant has, held against what it may have.
//!
//! Who is over a limit keeps what it has: a limit stands only before what would add to it.

use roost_schemas::spec::Resources;
use roost_schemas::tenant::Limits;
use roost_schemas::{TemplateName, TenantId};

use crate::Rejection;
use crate::fleet::Fleet;
use crate::sandbox::{Phase, Sandbox};

/// What a tenant has, or what something would add to it, measured as [`Limits`] are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sandboxes that have not ended.
    pub sandboxes: u64,
    /// vCPUs of those that are not paused.
    pub vcpus: u64,
    /// MiB of memory of those that are not paused.
    pub memory_mb: u64,
    /// MiB that the drives of all of them may grow to.
    pub disk_mb: u64,
}

impl Usage {
    /// What a new sandbox adds.
    pub fn of_new(fleet: &Fleet, tenant: &TenantId, template: &TemplateName, resources: Resources) -> Self {
        Self {
            sandboxes: 1,
            disk_mb: fleet.drive_mb(tenant, template),
            ..Self::of_running(resources)
        }
    }

    /// What a paused sandbox adds when it runs again.
    pub fn of_resumed(sandbox: &Sandbox) -> Self {
        let requested = sandbox.requested.as_ref();
        requested.map_or_else(Self::default, |requested| Self::of_running(requested.resources))
    }

    fn of_running(resources: Resources) -> Self {
        Self {
            vcpus: resources.vcpus.into(),
            memory_mb: resources.memory_mb.into(),
            ..Self::default()
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sandboxes: self.sandboxes.saturating_add(other.sandboxes),
            vcpus: self.vcpus.saturating_add(other.vcpus),
            memory_mb: self.memory_mb.saturating_add(other.memory_mb),
            disk_mb: self.disk_mb.saturating_add(other.disk_mb),
        }
    }

    /// Refuses what would bring a tenant that has this above one of `limits`.
    pub fn allows(self, added: Self, limits: &Limits) -> Result<(), Rejection> {
        let each = [
            (
                "sandboxes",
                limits.sandboxes.map(u64::from),
                self.sandboxes,
                added.sandboxes,
            ),
            ("vcpus", limits.vcpus.map(u64::from), self.vcpus, added.vcpus),
            (
                "memory_mb",
                limits.memory_mb.map(u64::from),
                self.memory_mb,
                added.memory_mb,
            ),
            ("disk_mb", limits.disk_mb, self.disk_mb, added.disk_mb),
        ];
        for (what, limit, used, added) in each {
            if let Some(limit) = limit.filter(|limit| added > 0 && used.saturating_add(added) > *limit) {
                return Err(Rejection::LimitExceeded {
                    what,
                    limit,
                    used,
                    added,
                });
            }
        }
        Ok(())
    }
}

impl Fleet {
    /// How much `tenant` may have, if anything bounds it.
    pub fn limits(&self, tenant: &TenantId) -> Option<Limits> {
        let limits = self.tenant(tenant)?.state.limits?;
        (limits != Limits::default()).then_some(limits)
    }

    /// How many requests `tenant` may send in a second, if anything bounds that.
    pub fn requests_per_sec(&self, tenant: &TenantId) -> Option<u32> {
        self.limits(tenant)?.requests_per_sec
    }

    /// What `tenant` has.
    pub fn usage(&self, tenant: &TenantId) -> Usage {
        let own = self.live_of(tenant);
        own.filter_map(|(_, view)| {
            let requested = view.state.requested.as_ref()?;
            let new = Usage::of_new(self, tenant, &requested.spec.template, requested.resources);
            Some(match view.state.phase {
                Phase::Paused => Usage {
                    vcpus: 0,
                    memory_mb: 0,
                    ..new
                },
                _ => new,
            })
        })
        .fold(Usage::default(), Usage::plus)
    }

    /// Refuses what would bring `tenant` above one of its limits.
    pub fn check_limits(&self, tenant: &TenantId, added: Usage) -> Result<(), Rejection> {
        match self.limits(tenant) {
            Some(limits) => self.usage(tenant).allows(added, &limits),
            None => Ok(()),
        }
    }
}
