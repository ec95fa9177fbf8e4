//! `roost tenant limits`: how much a tenant may have at once.

use anyhow::Result;
use clap::Args;
use roost_schemas::TenantId;
use serde::Serialize;

use crate::output::json;
use crate::remote::Session;

/// Limits; one that is not given is none.
#[derive(Debug, Args, Serialize)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// Sandboxes that have not ended, paused ones too
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sandboxes: Option<u32>,
    /// vCPUs of those that are not paused, together
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    vcpus: Option<u32>,
    /// Memory of those that are not paused, together
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mb: Option<u32>,
    /// What the drives of all that have not ended may grow to, together
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_mb: Option<u64>,
    /// Requests to one gateway in a second, and as many commands over NATS
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_sec: Option<u32>,
}

/// Sets how much a tenant may have at once.
///
/// This takes the place of all that was set before; what it has, stays. A limit that is not given is taken away.
#[derive(Debug, Args)]
pub(crate) struct SetLimits {
    /// The tenant
    tenant: TenantId,
    #[command(flatten)]
    limits: Limits,
}

impl SetLimits {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let path = format!("/v1/tenants/{}/limits", self.tenant);
        let tenant = session.put(&path, &serde_json::to_value(&self.limits)?).await?;
        json(&tenant)
    }
}
