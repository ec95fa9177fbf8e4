//! `filesystem.Filesystem/Move`.

use std::fs;
use std::path::Path;

use connectrpc::ConnectError;
use roost_schemas::envd::filesystem::EntryInfo;

use super::make_dir::in_the_way;
use super::stat;
use crate::agent::actor::Actor;
use crate::agent::failure::Failure;
use crate::agent::folders;

/// Renames an entry; the destination's parents are made, and a file there is replaced, as rename(2) does.
pub(super) fn run(actor: &Actor, source: &Path, destination: &Path) -> Result<EntryInfo, ConnectError> {
    // Before anything is made for it.
    fs::symlink_metadata(source).map_err(Failure::at(source))?;
    if let Some(parent) = destination.parent() {
        folders::ensure(parent, &actor.user).map_err(in_the_way)?;
    }
    fs::rename(source, destination).map_err(|error| match error.kind() {
        std::io::ErrorKind::CrossesDevices => ConnectError::failed_precondition(format!(
            "'{}' and '{}' are on different file systems: copy, then remove",
            source.display(),
            destination.display()
        )),
        _ => Failure::new(destination, error).into(),
    })?;
    Ok(stat::run(destination)?)
}

#[cfg(test)]
mod tests {
    use connectrpc::ErrorCode;

    use super::*;
    use crate::agent::actor::tests::actor;

    #[test]
    fn moves_into_new_folders_and_names_what_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let actor = actor(home.path());
        fs::write(at("a"), "text").unwrap();
        let entry = run(&actor, &at("a"), &at("new/folder/b")).unwrap();
        assert_eq!((entry.name.as_str(), entry.size), ("b", 4));
        let error = run(&actor, &at("a"), &at("other/c")).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        assert!(!at("other").exists(), "nothing is made for what cannot be moved");
        fs::create_dir_all(at("full/of")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        let error = run(&actor, &at("empty"), &at("full")).unwrap_err();
        assert_eq!(error.code, ErrorCode::FailedPrecondition, "{error}");
    }
}
