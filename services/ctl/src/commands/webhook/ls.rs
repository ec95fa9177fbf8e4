//! `roost webhook ls`: the webhooks there are.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

use crate::output::{Cell, Table, age, labels};
use crate::remote::Session;

/// Lists webhooks.
#[derive(Debug, Args)]
pub(crate) struct Ls {}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    id: String,
    url: String,
    types: Vec<String>,
    metadata: BTreeMap<String, String>,
    dead_letters: u64,
    created_at: String,
}

impl Ls {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get("/v1/webhooks").await?;
        let rows = Vec::<Row>::deserialize(&answer["webhooks"])?;
        let now = Timestamp::now();
        let mut table = Table::new(["ID", "URL", "TYPES", "LABELS", "DEAD", "AGE"]);
        for row in rows {
            let types = (!row.types.is_empty()).then(|| row.types.join(","));
            table.row([
                row.id.into(),
                row.url.into(),
                types.unwrap_or_else(|| "all".to_owned()).into(),
                labels(&row.metadata).into(),
                Cell::number(&row.dead_letters),
                age(&row.created_at, now).into(),
            ]);
        }
        session.output.print(&answer["webhooks"], |to| table.write(to))
    }
}
