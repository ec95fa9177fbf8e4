//! A tenant as it and the operator see it.

use roost_domain::fleet::Fleet;
use roost_schemas::{TenantId, tenant};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::rfc3339;
use crate::error::ApiError;

/// What a tenant is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTenant {
    /// Its id; `system` is taken.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,39}$", example = "acme")]
    id: String,
    #[serde(default)]
    limits: Limits,
}

impl CreateTenant {
    /// Its id and its limits.
    pub(crate) fn parts(self) -> Result<(TenantId, tenant::Limits), ApiError> {
        let id =
            TenantId::new(self.id).map_err(|error| ApiError::invalid(format!("field \"id\": {error}")))?;
        Ok((id, self.limits.into()))
    }
}

/// How much a tenant may have at once; what is absent has no limit.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Sandboxes that have not ended, paused ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    sandboxes: Option<u32>,
    /// vCPUs of those that are not paused, together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    vcpus: Option<u32>,
    /// MiB of memory of those that are not paused, together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    memory_mb: Option<u32>,
    /// MiB that the drives of all that have not ended may grow to, together.
    #[serde(default, deserialize_with = "exact", skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    disk_mb: Option<u64>,
    /// Requests to one gateway in a second, with its keys or over NATS; and as many commands over NATS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    requests_per_sec: Option<u32>,
}

/// The greatest number that every client has exactly (RFC 8259, section 6): in MiB eight zebibytes.
const EXACT: u64 = (1 << 53) - 1;

/// Reads a number that every client has exactly.
fn exact<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<u64>::deserialize(number)?;
    match number {
        Some(number) if number > EXACT => Err(D::Error::custom(format_args!("use at most {EXACT}"))),
        number => Ok(number),
    }
}

impl From<Limits> for tenant::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            sandboxes: limits.sandboxes,
            vcpus: limits.vcpus,
            memory_mb: limits.memory_mb,
            disk_mb: limits.disk_mb,
            requests_per_sec: limits.requests_per_sec,
        }
    }
}

impl From<tenant::Limits> for Limits {
    fn from(limits: tenant::Limits) -> Self {
        Self {
            sandboxes: limits.sandboxes,
            vcpus: limits.vcpus,
            memory_mb: limits.memory_mb,
            disk_mb: limits.disk_mb,
            requests_per_sec: limits.requests_per_sec,
        }
    }
}

/// What a tenant has, measured as its limits are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    sandboxes: u64,
    vcpus: u64,
    memory_mb: u64,
    disk_mb: u64,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tenant {
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,39}$")]
    id: String,
    limits: Limits,
    usage: Usage,
    /// When it was made; absent for `default` until something is asked of it.
    #[schema(format = DateTime)]
    created_at: Option<String>,
}

impl Tenant {
    pub(crate) fn of(id: &TenantId, fleet: &Fleet) -> Self {
        let view = fleet.tenant(id).filter(|view| view.state.is_there());
        let limits = view.and_then(|view| view.state.limits).unwrap_or_default();
        let usage = fleet.usage(id);
        Self {
            id: id.to_string(),
            limits: limits.into(),
            usage: Usage {
                sandboxes: usage.sandboxes,
                vcpus: usage.vcpus,
                memory_mb: usage.memory_mb,
                disk_mb: usage.disk_mb,
            },
            created_at: view.map(|view| rfc3339(view.created_at)),
        }
    }
}

/// All tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tenants {
    tenants: Vec<Tenant>,
}

impl Tenants {
    /// The first one, which is there without being made, and those that were.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let first = TenantId::first();
        let others = fleet.tenants().map(|(id, _)| id).filter(|id| **id != first);
        let all = std::iter::once(&first).chain(others);
        Self {
            tenants: all.map(|id| Tenant::of(id, fleet)).collect(),
        }
    }
}
