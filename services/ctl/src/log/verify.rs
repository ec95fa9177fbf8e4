//! `roost log verify`: whether the log is whole, and whether what was made of it is what it says.

mod audit;
mod checkpoint;
mod gateway;
mod witness;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use roost_client::Base;
use roost_journal::jetstream::{Access, Connection};
use roost_schemas::Sequence;
use serde_json::json;

use super::source::Source;
use crate::output::{Output, visible};
use crate::remote::Target;
use audit::Audit;
use witness::{Verdict, Witness};

/// Reads every message of the log, decodes and folds every commit, and compares what that comes to.
///
/// Ends with status 1 if anything is missing, doubled, unreadable or different. It changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The nats-server, such as `nats://127.0.0.1:4222`
    #[arg(long, required_unless_present = "file", conflicts_with = "file")]
    nats: Option<String>,
    #[command(flatten)]
    access: Access,
    /// A saved log instead
    #[arg(long)]
    file: Option<PathBuf>,
    /// The state folder of a daemon (gateway, host, reconciler, webhooks) that does not run: its checkpoint must say the same
    #[arg(long)]
    state: Vec<PathBuf>,
    /// A running gateway, such as `http://127.0.0.1:8080`: its reads must show the same
    #[arg(long, value_name = "URL")]
    gateway: Vec<Base>,
}

impl Verify {
    pub(super) async fn run(self, target: &Target, output: Output) -> Result<()> {
        // Asked before the log is: what they have seen must be in it.
        let mut witnesses = Vec::new();
        for folder in &self.state {
            witnesses.push(checkpoint::witness(folder).await?);
        }
        for url in &self.gateway {
            witnesses.push(gateway::witness(target.api(url.clone())?).await?);
        }
        let (mut source, connection) = self.source().await?;
        let mut audit = Audit::default();
        let mut verdicts = witness::meet(&witnesses, &audit, None);
        while let Some(message) = source.next().await? {
            audit.add(&message);
            verdicts.extend(witness::meet(&witnesses, &audit, Some(&message)));
        }
        if let Some(connection) = connection {
            connection.close().await;
        }
        verdicts.extend(behind(&witnesses, audit.last()));
        report(&audit, &verdicts, output)
    }

    async fn source(&self) -> Result<(Source, Option<Connection>)> {
        match (&self.nats, &self.file) {
            (Some(nats), _) => {
                let connection = super::open(nats, &self.access).await?;
                let source = Source::stream(&connection, Sequence::default()).await?;
                Ok((source, Some(connection)))
            }
            (None, Some(file)) => Ok((Source::file(file)?, None)),
            (None, None) => bail!("name a nats-server with --nats, or a saved log with --file"),
        }
    }
}

/// Those that have seen more than there is.
fn behind(witnesses: &[Witness], last: Sequence) -> Vec<Verdict> {
    let ahead = witnesses.iter().filter(|witness| witness.sequence > last);
    let verdict = |witness: &Witness| {
        let sequence = witness.sequence;
        Verdict::differs(
            witness,
            format!("it has seen {sequence}, but the log ends at {last}"),
        )
    };
    ahead.map(verdict).collect()
}

fn report(audit: &Audit, verdicts: &[Verdict], output: Output) -> Result<()> {
    let count = audit.problem_count() + verdicts.iter().filter(|verdict| !verdict.agrees).count();
    let problems: Vec<_> = audit.problems().collect();
    let told = json!({
        "last": audit.last(),
        "digest": audit.digest(),
        "problems": problems,
        "problem_count": count,
        "compared": verdicts,
    });
    output.print(&told, |to| {
        writeln!(to, "{}", audit.summary())?;
        for problem in &problems {
            writeln!(to, "problem: {}", visible(problem))?;
        }
        for verdict in verdicts {
            writeln!(to, "{verdict}")?;
        }
        if count == 0 {
            writeln!(
                to,
                "nothing is missing, nothing is doubled, everything can be read"
            )?;
        }
        Ok(())
    })?;
    if count > 0 {
        bail!("the log is not as it should be: {count} problems; docs/log.md tells what can be done");
    }
    Ok(())
}
