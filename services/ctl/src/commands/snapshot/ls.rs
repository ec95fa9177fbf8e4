//! `roost snapshot ls`: the templates that were made of sandboxes.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

use crate::output::{Cell, Table, age, bytes};
use crate::remote::Session;

/// Lists the templates that were made of sandboxes.
#[derive(Debug, Args)]
pub(crate) struct Ls {}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    name: String,
    sandbox_id: String,
    base: String,
    bytes: u64,
    vcpus: u32,
    memory_mb: u32,
    host: String,
    created_at: String,
}

impl Ls {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get("/v1/snapshots").await?;
        let rows = Vec::<Row>::deserialize(&answer["snapshots"])?;
        let now = Timestamp::now();
        let mut table = Table::new(["NAME", "OF", "BASE", "VCPUS", "MIB", "STORED", "HOST", "AGE"]);
        for row in rows {
            table.row([
                row.name.into(),
                row.sandbox_id.into(),
                row.base.into(),
                Cell::number(&row.vcpus),
                Cell::number(&row.memory_mb),
                Cell::number(&bytes(row.bytes)),
                row.host.into(),
                age(&row.created_at, now).into(),
            ]);
        }
        session.output.print(&answer["snapshots"], |to| table.write(to))
    }
}
