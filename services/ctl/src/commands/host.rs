//! `roost host`: the machines that run sandboxes.

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Deserialize;

use crate::output::{Cell, Table, age, of_state};
use crate::remote::Session;

#[derive(Debug, Subcommand)]
pub(crate) enum Host {
    Ls(Ls),
}

impl Host {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        match self {
            Self::Ls(ls) => ls.run(session).await,
        }
    }
}

/// Lists the machines that run sandboxes, and what they have left.
#[derive(Debug, Args)]
pub(crate) struct Ls {}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    id: String,
    taking: bool,
    down: bool,
    used: Amount,
    capacity: Amount,
    engine: String,
    engine_version: String,
    release: String,
    updated_at: String,
}

#[derive(Deserialize)]
struct Amount {
    vcpus: u32,
    memory_mb: u32,
    sandboxes: u32,
}

impl Row {
    /// What runs sandboxes there, without what its version was built of.
    fn engine(&self) -> String {
        let version = self.engine_version.split('+').next().unwrap_or_default();
        format!("{} {version}", self.engine)
    }

    fn state(&self) -> &'static str {
        match (self.down, self.taking) {
            (true, _) => "down",
            (false, true) => "taking",
            (false, false) => "draining",
        }
    }
}

impl Ls {
    async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get("/v1/hosts").await?;
        let rows = Vec::<Row>::deserialize(&answer["hosts"])?;
        let now = Timestamp::now();
        let mut table = Table::new([
            "ID",
            "STATE",
            "SANDBOXES",
            "VCPUS",
            "MIB",
            "ENGINE",
            "RELEASE",
            "SINCE",
        ]);
        for row in rows {
            let of = |used: u32, capacity: u32| Cell::number(&format!("{used}/{capacity}"));
            table.row([
                (&row.id).into(),
                Cell::new(row.state()).styled(of_state(row.state())),
                of(row.used.sandboxes, row.capacity.sandboxes),
                of(row.used.vcpus, row.capacity.vcpus),
                of(row.used.memory_mb, row.capacity.memory_mb),
                row.engine().into(),
                (&row.release).into(),
                age(&row.updated_at, now).into(),
            ]);
        }
        session.output.print(&answer["hosts"], |to| table.write(to))
    }
}
