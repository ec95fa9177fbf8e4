//! `filesystem.Filesystem/MakeDir`.

use std::fs;
use std::path::Path;

use connectrpc::ConnectError;
use roost_schemas::envd::filesystem::EntryInfo;

use super::stat;
use crate::agent::actor::Actor;
use crate::agent::failure::{Class, Failure};
use crate::agent::folders;

/// Makes a directory and its parents; one that is there already is an error, which clients ask for by it.
pub(super) fn run(actor: &Actor, path: &Path) -> Result<EntryInfo, ConnectError> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(ConnectError::already_exists(format!(
                "directory '{}' exists already",
                path.display()
            )));
        }
        Ok(_) => return Err(not_a_directory(path)),
        Err(_) => folders::ensure(path, &actor.user).map_err(in_the_way)?,
    }
    Ok(stat::run(path)?)
}

/// The refusal of a path that is no directory.
pub(super) fn not_a_directory(path: &Path) -> ConnectError {
    ConnectError::invalid_argument(format!("'{}' is not a directory", path.display()))
}

/// A file where a parent should be is the caller's mistake, not the success that `already_exists` means here.
pub(super) fn in_the_way(failure: Failure) -> ConnectError {
    match failure.class() {
        Class::Exists => {
            ConnectError::invalid_argument(format!("{failure}, and part of it is not a directory"))
        }
        _ => failure.into(),
    }
}

#[cfg(test)]
mod tests {
    use connectrpc::ErrorCode;

    use super::*;
    use crate::agent::actor::tests::actor;

    #[test]
    fn makes_parents_and_tells_what_is_there_already() {
        let home = tempfile::tempdir().unwrap();
        let actor = actor(home.path());
        let made = run(&actor, &home.path().join("a/b")).unwrap();
        assert_eq!(made.name, "b");
        fs::write(home.path().join("file"), "").unwrap();
        for (path, code) in [
            ("a", ErrorCode::AlreadyExists),
            ("file", ErrorCode::InvalidArgument),
            ("file/below", ErrorCode::InvalidArgument),
        ] {
            let error = run(&actor, &home.path().join(path)).unwrap_err();
            assert_eq!(error.code, code, "{path}: {error}");
        }
    }
}
