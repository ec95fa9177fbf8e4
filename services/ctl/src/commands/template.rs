//! `roost template`: what sandboxes can start from.

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Deserialize;

use super::snapshot::Rm;
use crate::output::{Cell, Table, age, bytes};
use crate::remote::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Template {
    Ls(Ls),
    Rm(Rm),
}

impl Template {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Ls(ls) => ls.run(session).await,
            Self::Rm(rm) => rm.run(session).await,
        }
    }
}

/// Lists what sandboxes can start from.
///
/// That is the images that hosts bring, and snapshots of sandboxes.
#[derive(Debug, Args)]
pub(crate) struct Ls {}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    name: String,
    kind: String,
    bytes: u64,
    vcpus: u32,
    memory_mb: u32,
    updated_at: String,
}

impl Ls {
    async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get("/v1/templates").await?;
        let rows = Vec::<Row>::deserialize(&answer["templates"])?;
        let now = Timestamp::now();
        let mut table = Table::new(["NAME", "KIND", "VCPUS", "MIB", "SIZE", "AGE"]);
        for row in rows {
            table.row([
                row.name.into(),
                row.kind.into(),
                Cell::number(&row.vcpus),
                Cell::number(&row.memory_mb),
                Cell::number(&bytes(row.bytes)),
                age(&row.updated_at, now).into(),
            ]);
        }
        session.output.print(&answer["templates"], |to| table.write(to))
    }
}
