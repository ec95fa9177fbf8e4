//! `roost log import`: a saved log back into a server.
//!
//! ```text
//!   read the file to its end ─▶ compare it with what the stream has ─▶ send what is missing ─▶ compare all
//! ```
//!
//! Nothing is sent before the first two hold: a damaged file, or a stream with anything else in it, stays as it is.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use roost_journal::jetstream::{Access, Connection, Stored};
use roost_schemas::Sequence;
use serde_json::json;

use super::BATCH;
use super::source::{self, Source};
use crate::output::Output;

/// Brings a saved log back into a nats-server whose log is empty, or was imported from the same file in part.
///
/// Every message gets the sequence that it had. Nothing of Roost may run on that server meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The nats-server, such as `nats://127.0.0.1:4222`
    #[arg(long)]
    nats: String,
    #[command(flatten)]
    access: Access,
    /// What `roost log export` wrote
    file: PathBuf,
}

impl Import {
    pub(super) async fn run(self, output: Output) -> Result<()> {
        let end = source::check(&self.file)?;
        let connection = super::open(&self.nats, &self.access).await?;
        let there = compare(&connection, &self.file).await?;
        ensure!(
            there <= end.last,
            "the log goes on to sequence {there}, after the file's last, {}: it was written to since the export; \
             import into an empty nats-server",
            end.last
        );
        send(&connection, &self.file, there).await?;
        let last = compare(&connection, &self.file).await?;
        ensure!(
            last == end.last,
            "the log ends at {last}, not at {}: something else writes to it",
            end.last
        );
        connection.close().await;
        let (imported, messages) = (last.0 - there.0, end.messages);
        let told = json!({"imported": imported, "messages": messages, "last": last, "file": self.file});
        output.print(&told, |to| {
            let file = self.file.display();
            writeln!(
                to,
                "imported {imported} messages of {file}; all {messages} in the log are those of the file"
            )
        })
    }
}

/// The stream's last sequence, when each of its messages is the file's.
async fn compare(connection: &Connection, file: &Path) -> Result<Sequence> {
    let mut stream = Source::stream(connection, Sequence::default()).await?;
    let mut saved = Source::file(file)?;
    let mut last = Sequence::default();
    while let Some(found) = stream.next().await? {
        if let Some(expected) = saved.next().await?
            && !found.is_same(&expected)
        {
            bail!(
                "message {} of the log, on {}, is not the one in the file, on {}: this is another log; \
                 import into an empty nats-server",
                found.sequence,
                found.subject,
                expected.subject
            );
        }
        last = found.sequence;
    }
    Ok(last)
}

/// Sends what the file has after `after`.
async fn send(connection: &Connection, file: &Path, after: Sequence) -> Result<()> {
    let backup = connection.backup();
    let mut saved = Source::file(file)?;
    let mut batch: Vec<Stored> = Vec::with_capacity(BATCH);
    while let Some(message) = saved.next().await? {
        if message.sequence <= after {
            continue;
        }
        batch.push(message);
        if batch.len() == BATCH {
            backup.restore(&batch).await?;
            batch.clear();
        }
    }
    if !batch.is_empty() {
        backup.restore(&batch).await?;
    }
    Ok(())
}
