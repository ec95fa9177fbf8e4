//! `roost log export`: the log as one file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use roost_journal::jetstream::Access;
use roost_schemas::Sequence;
use serde_json::json;

use super::archive::{End, Writer};
use super::source::{self, Source};
use crate::output::Output;

/// Saves the log as it is now in a file that tells whether it is whole.
///
/// Roost may go on meanwhile; what comes after the beginning of the export is not in the file.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The nats-server, such as `nats://127.0.0.1:4222`
    #[arg(long)]
    nats: String,
    #[command(flatten)]
    access: Access,
    /// Where to write; it must not exist
    file: PathBuf,
}

impl Export {
    pub(super) async fn run(self, output: Output) -> Result<()> {
        if self.file.exists() {
            bail!(
                "{} exists: remove it, or choose another name",
                self.file.display()
            );
        }
        let connection = super::open(&self.nats, &self.access).await?;
        let mut source = Source::stream(&connection, Sequence::default()).await?;
        // Under another name until it is whole and on disk, so that a file of this name is always both; for its owner alone,
        // because sandboxes' variables are in it.
        let at = || self.file.display().to_string();
        let folder = folder_of(&self.file);
        let partial = tempfile::Builder::new()
            .prefix(".roost-export-")
            .tempfile_in(folder)
            .with_context(at)?;
        let end = write(&mut source, partial.as_file()).await?;
        connection.close().await;
        if source::check(partial.path())? != end {
            bail!("{} does not read as it was written: check the disk", at());
        }
        partial.persist_noclobber(&self.file).with_context(at)?;
        // Makes the new name last.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.with_context(|| folder.display().to_string())?;
        let End {
            messages,
            last,
            digest,
        } = end;
        let told = json!({"messages": messages, "last": last, "digest": digest, "file": self.file});
        output.print(&told, |to| {
            let file = self.file.display();
            writeln!(
                to,
                "exported {messages} messages, the last at sequence {last}, to {file}: {digest}"
            )
        })
    }
}

async fn write(source: &mut Source, to: &File) -> Result<End> {
    const FAILED: &str = "cannot write the export: check the disk";
    let mut writer = Writer::new(BufWriter::new(to)).context(FAILED)?;
    while let Some(message) = source.next().await? {
        writer.add(message).context(FAILED)?;
    }
    let (_, end) = writer.end().context(FAILED)?;
    to.sync_all().context(FAILED)?;
    Ok(end)
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
