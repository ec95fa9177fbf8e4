//! `roost ls`: the sandboxes there are.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::values::{Pair, query};
use crate::output::{Cell, Table, age, labels, of_state, until};
use crate::remote::Session;

/// Every state a sandbox can end in.
const ENDED: &str = "stopped,lost,failed";
/// Every other one.
const LIVE: &str = "requested,placed,starting,running,pausing,paused,resuming,stopping";

/// Lists the sandboxes that live.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// List those that have ended, too
    #[arg(short, long, conflicts_with = "state")]
    all: bool,
    /// List those in this state only; can be given several times, or with commas
    #[arg(short, long, value_delimiter = ',')]
    state: Vec<String>,
    /// List those with this label only; can be given several times
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pair>,
    /// Print nothing but ids
    #[arg(short, long)]
    quiet: bool,
}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    id: String,
    state: String,
    template: String,
    vcpus: u32,
    memory_mb: u32,
    host: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Page {
    sandboxes: Vec<Value>,
    next_cursor: Option<String>,
}

impl Ls {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let sandboxes = self.sandboxes(session).await?;
        let rows = sandboxes
            .iter()
            .map(Row::deserialize)
            .collect::<Result<Vec<_>, _>>()?;
        session.output.print(&sandboxes, |to| {
            if self.quiet {
                return rows.iter().try_for_each(|row| writeln!(to, "{}", row.id));
            }
            table(&rows, Timestamp::now()).write(to)
        })
    }

    /// All of them, page by page.
    async fn sandboxes(&self, session: &Session) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let path = format!("/v1/sandboxes?{}", self.query(cursor.as_deref()));
            let page: Page = serde_json::from_value(session.get(&path).await?)?;
            all.extend(page.sandboxes);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    fn query(&self, cursor: Option<&str>) -> String {
        let mut pairs = vec![("limit".to_owned(), "1000".to_owned())];
        if self.all {
            pairs.push(("state".to_owned(), format!("{LIVE},{ENDED}")));
        } else if !self.state.is_empty() {
            pairs.push(("state".to_owned(), self.state.join(",")));
        }
        let labels = self.labels.iter();
        pairs.extend(labels.map(|Pair(key, value)| (format!("metadata.{key}"), value.clone())));
        pairs.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor.to_owned())));
        query(pairs)
    }
}

fn table(rows: &[Row], now: Timestamp) -> Table {
    let mut table = Table::new([
        "ID", "STATE", "TEMPLATE", "VCPUS", "MIB", "HOST", "AGE", "ENDS", "LABELS",
    ]);
    for row in rows {
        table.row([
            (&row.id).into(),
            Cell::new(&row.state).styled(of_state(&row.state)),
            (&row.template).into(),
            Cell::number(&row.vcpus),
            Cell::number(&row.memory_mb),
            Cell::maybe(row.host.as_ref()),
            age(&row.created_at, now).into(),
            Cell::maybe(row.expires_at.as_ref().map(|at| until(at, now))),
            labels(&row.metadata).into(),
        ]);
    }
    table
}
