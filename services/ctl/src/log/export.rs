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
        // Under another name until it is whole and on disk, so that a file of this name is always both.
        let partial = self.file.with_added_extension("partial");
        let end = write(&mut source, &partial).await?;
        connection.close().await;
        if source::check(&partial)? != end {
            bail!(
                "{} does not read as it was written: check the disk",
                partial.display()
            );
        }
        std::fs::rename(&partial, &self.file).with_context(|| self.file.display().to_string())?;
        sync_folder(&self.file)?;
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

async fn write(source: &mut Source, to: &Path) -> Result<End> {
    let at = || to.display().to_string();
    let file = File::create(to).with_context(at)?;
    let mut writer = Writer::new(BufWriter::new(file)).with_context(at)?;
    while let Some(message) = source.next().await? {
        writer.add(message).with_context(at)?;
    }
    let (buffer, end) = writer.end().with_context(at)?;
    let file = buffer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .with_context(at)?;
    file.sync_all().with_context(at)?;
    Ok(end)
}

/// Makes the new name last.
fn sync_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let open = File::open(folder).and_then(|folder| folder.sync_all());
    open.with_context(|| folder.display().to_string())
}
