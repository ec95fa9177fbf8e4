//! `filesystem.Filesystem/Remove`.

use std::fs;
use std::io;
use std::path::Path;

use connectrpc::ConnectError;

use crate::agent::failure::{Class, Failure};

/// Removes an entry and everything below it; links are not followed. What is not there counts as removed.
pub(super) fn run(path: &Path) -> Result<(), ConnectError> {
    if path == Path::new("/") {
        return Err(ConnectError::invalid_argument(
            "the root cannot be removed: kill the sandbox instead",
        ));
    }
    match remove(path).map_err(Failure::at(path)) {
        Err(failure) if failure.class() != Class::Missing => Err(failure.into()),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_goes_without_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("kept/below")).unwrap();
        fs::create_dir(at("gone")).unwrap();
        symlink(at("kept"), at("gone/link")).unwrap();
        symlink(at("kept"), at("link")).unwrap();
        for path in ["link", "gone", "never"] {
            run(&at(path)).unwrap();
            assert!(fs::symlink_metadata(at(path)).is_err());
        }
        assert!(at("kept/below").is_dir());
        assert!(run(Path::new("/")).is_err());
    }
}
