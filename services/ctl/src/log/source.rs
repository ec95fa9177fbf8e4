//! Where messages come from: the stream up to where it ends now, or a saved log.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result};
use futures::StreamExt;
use roost_journal::jetstream::{Connection, Messages, Stored};
use roost_journal::port::Journal;
use roost_schemas::Sequence;

use super::archive::{End, Reader};

pub(super) enum Source {
    Stream {
        messages: Messages,
        seen: Sequence,
        last: Sequence,
    },
    File(Box<Reader<BufReader<File>>>),
}

impl Source {
    /// What the stream has after `after`, up to its last message as of now.
    pub(super) async fn stream(connection: &Connection, after: Sequence) -> Result<Self> {
        let last = connection.journal().head().await?;
        Ok(Self::Stream {
            messages: connection.backup().messages(after).await?,
            seen: after,
            last,
        })
    }

    /// What a file has.
    pub(super) fn file(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let reader = Reader::new(BufReader::new(file)).with_context(|| path.display().to_string())?;
        Ok(Self::File(Box::new(reader)))
    }

    /// The next message; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Stored>> {
        match self {
            Self::File(reader) => Ok(reader.next()?),
            Self::Stream { seen, last, .. } if *seen >= *last => Ok(None),
            Self::Stream { messages, seen, .. } => {
                let message = messages
                    .next()
                    .await
                    .context("the log ended while it was read")??;
                *seen = message.sequence;
                Ok(Some(message))
            }
        }
    }
}

/// Reads a file to its end, and tells what stands there.
pub(super) fn check(path: &Path) -> Result<End> {
    let in_file = || path.display().to_string();
    let file = File::open(path).with_context(in_file)?;
    let mut reader = Reader::new(BufReader::new(file)).with_context(in_file)?;
    while reader.next().with_context(in_file)?.is_some() {}
    reader.end().context("a file that was read to its end has one")
}
