//! `roost tenant ls`: the tenants there are, and what they have.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;

use crate::output::{Cell, Table};
use crate::remote::Session;

/// Lists tenants, with what each has and may have.
#[derive(Debug, Args)]
pub(crate) struct Ls {}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    id: String,
    usage: Amounts,
    limits: Amounts,
}

#[derive(Deserialize)]
struct Amounts {
    sandboxes: Option<u64>,
    vcpus: Option<u64>,
    memory_mb: Option<u64>,
    disk_mb: Option<u64>,
    requests_per_sec: Option<u64>,
}

impl Ls {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get("/v1/tenants").await?;
        let rows = Vec::<Row>::deserialize(&answer["tenants"])?;
        let mut table = Table::new(["ID", "SANDBOXES", "VCPUS", "MIB", "DISK MIB", "REQUESTS/S"]);
        for Row { id, usage, limits } in rows {
            table.row([
                id.into(),
                of(usage.sandboxes, limits.sandboxes),
                of(usage.vcpus, limits.vcpus),
                of(usage.memory_mb, limits.memory_mb),
                of(usage.disk_mb, limits.disk_mb),
                Cell::maybe(limits.requests_per_sec.map(|limit| limit.to_string())),
            ]);
        }
        session.output.print(&answer["tenants"], |to| table.write(to))
    }
}

/// What it has of what it may have.
fn of(used: Option<u64>, limit: Option<u64>) -> Cell {
    let limit = limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    Cell::number(&format!("{}/{limit}", used.unwrap_or_default()))
}
