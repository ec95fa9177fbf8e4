//! What a tenant has, held against what it may have.
//!
//! Who is over a limit keeps what it has: a limit stands only before what would add to it.

use std::collections::BTreeMap;

use roost_schemas::spec::Resources;
use roost_schemas::tenant::Limits;
use roost_schemas::{SandboxId, Sequence, TemplateName, TenantId, Timestamp};

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

    /// Refuses what would bring `tenant` above one of its limits, who was promised so much besides what it has.
    pub fn check_limits(&self, tenant: &TenantId, promised: Usage, added: Usage) -> Result<(), Rejection> {
        match self.limits(tenant) {
            Some(limits) => self.usage(tenant).plus(promised).allows(added, &limits),
            None => Ok(()),
        }
    }
}

/// What was let pass and is for a host to do, which is slow or away: nobody else is to be given it meanwhile.
#[derive(Debug, Default)]
pub struct Promised(BTreeMap<(TenantId, SandboxId), Promise>);

/// One sandbox's part of it.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Where the sandbox stood: what comes after it shows in the fleet.
    pub seen: Sequence,
    /// When nothing comes of it any more.
    pub until: Timestamp,
    /// What comes of it.
    pub usage: Usage,
}

impl Promised {
    /// Remembers what is to come of `sandbox`.
    pub fn note(&mut self, tenant: TenantId, sandbox: SandboxId, promise: Promise) {
        self.0.insert((tenant, sandbox), promise);
    }

    /// What `tenant` was promised for others than `sandbox`, and does not have at `now`. What has come, or cannot come any more, is
    /// forgotten.
    pub fn besides(
        &mut self,
        fleet: &Fleet,
        tenant: &TenantId,
        sandbox: &SandboxId,
        now: Timestamp,
    ) -> Usage {
        self.0.retain(|(tenant, sandbox), promise| {
            let view = fleet.sandbox(tenant, sandbox);
            now < promise.until && view.is_none_or(|view| view.sequence <= promise.seen)
        });
        let others = self
            .0
            .iter()
            .filter(|((owner, id), _)| owner == tenant && id != sandbox);
        others.fold(Usage::default(), |sum, (_, promise)| sum.plus(promise.usage))
    }
}
