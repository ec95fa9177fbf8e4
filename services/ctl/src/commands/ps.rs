//! `roost ps`: what runs in a sandbox.

use anyhow::Result;
use clap::Args;
use roost_schemas::SandboxId;
use serde::Deserialize;

use crate::output::{Cell, Table};
use crate::remote::Session;

/// Lists the programs that run in a sandbox.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// The sandbox
    sandbox: SandboxId,
}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    process_id: Option<String>,
    pid: u32,
    cmd: String,
    args: Vec<String>,
}

impl Ps {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let answer = session
            .get(&format!("/v1/sandboxes/{}/processes", self.sandbox))
            .await?;
        let rows = Vec::<Row>::deserialize(&answer["processes"])?;
        let mut table = Table::new(["PROCESS", "PID", "COMMAND"]);
        for Row {
            process_id,
            pid,
            cmd,
            args,
        } in rows
        {
            let command: Vec<_> = std::iter::once(cmd).chain(args).collect();
            table.row([
                Cell::maybe(process_id),
                Cell::number(&pid),
                command.join(" ").into(),
            ]);
        }
        session.output.print(&answer["processes"], |to| table.write(to))
    }
}
