//! E2B's `SandboxMetric`: what a sandbox uses, at one moment.

use roost_schemas::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::rfc3339;

/// What the agent answers at `/metrics`; sizes in bytes. What else it tells is not asked here.
#[derive(Debug, Deserialize)]
pub(in crate::e2b) struct Measured {
    /// When, in seconds since 1970.
    ts: u64,
    cpu_count: u32,
    cpu_used_pct: f64,
    mem_total: u64,
    mem_used: u64,
    #[serde(default)]
    mem_cache: u64,
    disk_used: u64,
    disk_total: u64,
}

/// What a sandbox uses; sizes in bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bSandboxMetric)]
pub(in crate::e2b) struct Metric {
    #[schema(format = DateTime)]
    timestamp: String,
    /// The same in seconds since 1970.
    timestamp_unix: u64,
    cpu_count: u32,
    /// Of all of its CPUs.
    cpu_used_pct: f64,
    mem_used: u64,
    mem_total: u64,
    mem_cache: u64,
    disk_used: u64,
    disk_total: u64,
}

impl Metric {
    /// Seconds since 1970.
    pub(in crate::e2b) fn at(&self) -> u64 {
        self.timestamp_unix
    }
}

impl From<Measured> for Metric {
    fn from(measured: Measured) -> Self {
        Self {
            timestamp: rfc3339(Timestamp(measured.ts.saturating_mul(1000))),
            timestamp_unix: measured.ts,
            cpu_count: measured.cpu_count,
            cpu_used_pct: measured.cpu_used_pct,
            mem_used: measured.mem_used,
            mem_total: measured.mem_total,
            mem_cache: measured.mem_cache,
            disk_used: measured.disk_used,
            disk_total: measured.disk_total,
        }
    }
}
