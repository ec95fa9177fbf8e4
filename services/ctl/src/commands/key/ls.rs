//! `roost key list`: the keys there are.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

use super::Owner;
use crate::output::{Cell, Table, age, of_state, until};
use crate::remote::Session;

/// Lists keys.
///
/// Those that admit nobody any more as well; the keys themselves are told nowhere.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    owner: Owner,
}

/// What a line shows.
#[derive(Deserialize)]
struct Row {
    id: String,
    name: String,
    scope: String,
    state: String,
    created_at: String,
    expires_at: Option<String>,
}

impl Ls {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let answer = session.get(&self.owner.path("/v1/keys")).await?;
        let rows = Vec::<Row>::deserialize(&answer["keys"])?;
        let now = Timestamp::now();
        let mut table = Table::new(["ID", "NAME", "SCOPE", "STATE", "AGE", "ENDS"]);
        for row in rows {
            table.row([
                row.id.into(),
                row.name.into(),
                row.scope.into(),
                Cell::new(&row.state).styled(of_state(&row.state)),
                age(&row.created_at, now).into(),
                Cell::maybe(row.expires_at.map(|at| until(&at, now))),
            ]);
        }
        session.output.print(&answer["keys"], |to| table.write(to))
    }
}
