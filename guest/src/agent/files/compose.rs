//! `POST /files/compose`: several files become one, and are gone then.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use uuid::Uuid;

use super::answer::{self, Entry};
use super::opening;
use super::refusal::Refusal;
use crate::agent::actor::Actor;
use crate::agent::blocking::blocking;
use crate::agent::failure::Failure;
use crate::agent::folders::{self, give};
use crate::agent::http::{Body, MAX_BODY};
use crate::agent::metadata::Metadata;
use crate::agent::settings::Settings;

/// The body.
#[derive(Debug, Deserialize)]
struct Wish {
    source_paths: Vec<String>,
    destination: String,
    username: Option<String>,
}

/// Joins the files of a request.
pub(super) async fn run(request: Request<Body>, settings: &Settings) -> Result<Response<Body>, Refusal> {
    let body = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Refusal::TooLarge(MAX_BODY)),
        Err(error) => return Err(Refusal::Broken(error.to_string())),
    };
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Invalid(format!("the body is not valid: {error}")))?;
    if wish.source_paths.is_empty() || wish.destination.is_empty() {
        return Err(Refusal::Invalid(
            "source_paths and destination must not be empty".into(),
        ));
    }
    let username = wish.username.filter(|name| !name.is_empty());
    let actor = Actor::find(Path::new("/"), username, settings)?;
    let destination = actor.resolve(&wish.destination)?;
    let sources = wish
        .source_paths
        .iter()
        .map(|source| actor.resolve(source))
        .collect::<Result<Vec<_>, _>>()?;
    let entry = blocking(move || join(&actor, &sources, &destination)).await?;
    Ok(answer::json(&entry))
}

/// Copies the sources one after the other beside the destination and puts the copy in its place: when that fails half
/// way, everything is as it was.
fn join(actor: &Actor, sources: &[PathBuf], destination: &Path) -> Result<Entry, Refusal> {
    if sources.iter().any(|source| source == destination) {
        return Err(Refusal::Invalid(format!(
            "'{}' cannot be both a source and the destination",
            destination.display()
        )));
    }
    let open = |source: &PathBuf| opening::regular(source, OpenOptions::new().read(true));
    // Opened one at a time, below: there may be more of them than descriptors.
    sources.iter().try_for_each(|source| open(source).map(drop))?;
    let folder = destination
        .parent()
        .ok_or_else(|| Refusal::Directory(destination.to_owned()))?;
    folders::ensure(folder, &actor.user)?;
    let draft = Draft::new(folder)?;
    give(&draft.file, &actor.user).map_err(Failure::at(destination))?;
    for source in sources {
        io::copy(&mut open(source)?.file, &mut &draft.file).map_err(Failure::at(destination))?;
    }
    fs::rename(&draft.path, destination).map_err(Failure::at(destination))?;
    for source in sources {
        // The file is composed; a source that stays, or was named twice, does not undo it.
        let _ = fs::remove_file(source);
    }
    Ok(Entry::new(destination, Metadata::new()))
}

/// A file under a name of its own, gone unless it was renamed.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(format!(".compose-{}.tmp", Uuid::new_v4().simple()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o666);
        let file = options.open(&path).map_err(Failure::at(&path))?;
        Ok(Self { path, file })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::actor::tests::actor;

    #[test]
    fn sources_become_the_destination_in_their_order() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let actor = actor(home.path());
        fs::write(at("a"), "1").unwrap();
        fs::write(at("b"), "22").unwrap();
        fs::write(at("old"), "before").unwrap();
        join(&actor, &[at("b"), at("a")], &at("old")).unwrap();
        assert_eq!(fs::read(at("old")).unwrap(), b"221");
        assert!(!at("a").exists() && !at("b").exists());
        join(&actor, &[at("old")], &at("new/place")).unwrap();
        assert_eq!(fs::read(at("new/place")).unwrap(), b"221");
    }

    #[test]
    fn what_cannot_be_composed_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let actor = actor(home.path());
        fs::write(at("a"), "1").unwrap();
        fs::create_dir_all(at("folder/below")).unwrap();
        for (sources, destination) in [
            (vec![at("a"), at("missing")], at("new")),
            (vec![at("a"), at("folder")], at("new")),
            (vec![at("a")], at("a")),
            (vec![at("a")], at("folder")),
            (vec![at("a")], at("a/below")),
        ] {
            assert!(join(&actor, &sources, &destination).is_err(), "{destination:?}");
        }
        assert_eq!(fs::read(at("a")).unwrap(), b"1");
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
