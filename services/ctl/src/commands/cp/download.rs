//! From a sandbox to here. What its files are called is a stranger's word: a name that leads elsewhere is refused, and no
//! link here is followed out of the folder that is copied to.

use std::path::Path;

use anyhow::{Context, Result, bail};
use http_body_util::BodyExt;
use hyper::header::CONTENT_LENGTH;
use tokio::fs::{self, File};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::place::Place;
use super::remote::{Entry, Files, Kind};
use crate::output::{note, transfer, visible};

/// Copies `path` in the sandbox to `to`.
pub(super) async fn download(guest: &Files<'_>, path: &str, to: Place) -> Result<()> {
    let entry = guest.entry(path).await?;
    let to = match to {
        Place::Here(to) => to,
        _ if entry.kind == Kind::Directory => {
            bail!("{path} is a folder: say to which one here it is to be copied")
        }
        _ => return receive(guest, path, &mut tokio::io::stdout()).await,
    };
    let to = if to.is_dir() { to.join(name(&entry)?) } else { to };
    if entry.kind == Kind::Directory {
        return folder(guest, path, &to).await;
    }
    file(guest, path, &to).await
}

async fn folder(guest: &Files<'_>, path: &str, to: &Path) -> Result<()> {
    let at = || to.display().to_string();
    match fs::symlink_metadata(to).await {
        Ok(there) if there.is_dir() => {}
        Ok(_) => bail!(
            "{} is there, and no folder: remove it, or choose another place",
            to.display()
        ),
        Err(_) => fs::create_dir(to).await.with_context(at)?,
    }
    for entry in guest.list(path).await? {
        let name = name(&entry)?;
        let path = format!("{}/{name}", path.trim_end_matches('/'));
        // A link may lead back to where we came from.
        let kind = entry
            .symlink_target
            .as_ref()
            .map_or(entry.kind, |_| Kind::Symlink);
        match kind {
            Kind::Directory => Box::pin(folder(guest, &path, &to.join(name))).await?,
            Kind::File => file(guest, &path, &to.join(name)).await?,
            Kind::Symlink | Kind::Other => {
                note(format!(
                    "{} is neither file nor folder, and left out",
                    visible(&path)
                ));
            }
        }
    }
    Ok(())
}

/// Under another name until it is whole; then it takes the place of what was there, link or file.
async fn file(guest: &Files<'_>, path: &str, to: &Path) -> Result<()> {
    let at = || to.display().to_string();
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let partial = tempfile::Builder::new()
        .prefix(".roost-cp-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .with_context(at)?;
    let mut content = File::from_std(partial.reopen().with_context(at)?);
    receive(guest, path, &mut content).await?;
    partial.persist(to).map(drop).with_context(at)
}

async fn receive(guest: &Files<'_>, path: &str, to: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
    let response = guest.read(path).await?;
    let length = response.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let progress = transfer(path, length);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.with_context(|| format!("{} broke off", visible(path)))?;
        if let Ok(piece) = frame.into_data() {
            to.write_all(&piece).await?;
            progress.add(piece.len());
        }
    }
    to.flush().await?;
    progress.finish();
    Ok(())
}

/// The entry's name, if it is one and no more.
fn name(entry: &Entry) -> Result<&str> {
    let path = Path::new(&entry.name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(std::path::Component::Normal(part)), None) if part == path.as_os_str() => Ok(&entry.name),
        _ => bail!(
            "the sandbox has something that it calls {:?}, which is no name: nothing more is copied",
            entry.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let of = |name: &str| {
            let name = name.to_owned();
            let entry = Entry {
                name,
                kind: Kind::File,
                symlink_target: None,
            };
            super::name(&entry).map(ToOwned::to_owned)
        };
        assert_eq!(of("a b.txt").unwrap(), "a b.txt");
        assert_eq!(of("...").unwrap(), "...");
        for bad in ["", ".", "..", "/etc", "a/b", "../a", "a/..", "a/", "./a"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
