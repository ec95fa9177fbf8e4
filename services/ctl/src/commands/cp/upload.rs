//! From here into a sandbox.

use std::path::Path;

use anyhow::{Context, Result, bail};
use futures::TryStreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use roost_client::Body;
use tokio::fs::{self, File};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use super::place::Place;
use super::remote::{Files, Kind};
use crate::output::{note, transfer};

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// Copies `from` to `path` in the sandbox.
pub(super) async fn upload(guest: &Files<'_>, from: Place, path: &str) -> Result<()> {
    let is_folder = guest
        .stat(path)
        .await?
        .is_some_and(|entry| entry.kind == Kind::Directory);
    let from = match from {
        Place::Here(from) => from,
        _ if is_folder => bail!("{path} is a folder: name the file that standard input is to become"),
        _ => return send(guest, path, "standard input", tokio::io::stdin(), None).await,
    };
    let kind = fs::metadata(&from)
        .await
        .with_context(|| from.display().to_string())?;
    let to = if is_folder {
        join(path, &name(&from)?)
    } else {
        path.to_owned()
    };
    if kind.is_dir() {
        return folder(guest, &from, &to).await;
    }
    file(guest, &from, &to).await
}

async fn folder(guest: &Files<'_>, from: &Path, to: &str) -> Result<()> {
    guest.make_folder(to).await?;
    let at = || from.display().to_string();
    let mut entries = fs::read_dir(from).await.with_context(at)?;
    while let Some(entry) = entries.next_entry().await.with_context(at)? {
        let (path, kind) = (entry.path(), entry.file_type().await.with_context(at)?);
        let to = join(to, &name(&path)?);
        if kind.is_dir() {
            Box::pin(folder(guest, &path, &to)).await?;
        } else if kind.is_file() {
            file(guest, &path, &to).await?;
        } else {
            note(format!(
                "{} is neither file nor folder, and left out",
                path.display()
            ));
        }
    }
    Ok(())
}

async fn file(guest: &Files<'_>, from: &Path, to: &str) -> Result<()> {
    let at = || from.display().to_string();
    let content = File::open(from).await.with_context(at)?;
    let length = content.metadata().await.with_context(at)?.len();
    send(guest, to, &at(), content, Some(length)).await
}

/// Sends what `content` gives; it is called `name`.
async fn send(
    guest: &Files<'_>,
    to: &str,
    name: &str,
    content: impl AsyncRead + Send + 'static,
    length: Option<u64>,
) -> Result<()> {
    let progress = transfer(name, length);
    let counted = progress.clone();
    let pieces = ReaderStream::with_capacity(content, PIECE)
        .inspect_ok(move |piece| counted.add(piece.len()))
        .map_ok(Frame::data);
    let sent = guest
        .write(to, Body::new(StreamBody::new(pieces).boxed_unsync()))
        .await;
    progress.finish();
    sent.with_context(|| format!("cannot copy {name} to {to}"))
}

/// The last part of a path here, which has to be text to be a name there.
fn name(path: &Path) -> Result<String> {
    let whole = path.canonicalize().with_context(|| path.display().to_string())?;
    let name = path.file_name().or(whole.file_name());
    let name = name.and_then(|name| name.to_str());
    name.map(ToOwned::to_owned).with_context(|| {
        format!(
            "{} has no name that a sandbox could take: give it one",
            path.display()
        )
    })
}

/// A path below `folder` in a sandbox.
fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}
