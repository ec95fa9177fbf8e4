//! Directories made on a user's behalf.

use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{Gid, Mode, OFlags, Uid, fchown, mkdirat, open, openat};
use rustix::io::Errno;

use super::failure::Failure;
use crate::users::User;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Makes the absolute `path` and what is missing above it; what is made belongs to `user`.
///
/// Walks by descriptors, and a directory is given away only by the descriptor of the one just made: whoever swaps a name
/// for a link meanwhile gets nothing that is not theirs.
pub(super) fn ensure(path: &Path, user: &User) -> Result<(), Failure> {
    let mut folder = open("/", OFlags::PATH | DIRECTORY, Mode::empty()).map_err(Failure::at(path))?;
    for component in path.components() {
        if let Component::Normal(name) = component {
            folder = step(&folder, Path::new(name), user).map_err(Failure::at(path))?;
        }
    }
    Ok(())
}

/// Into the directory `name`, made if it is missing.
fn step(folder: &OwnedFd, name: &Path, user: &User) -> Result<OwnedFd, Errno> {
    match openat(folder, name, OFlags::PATH | DIRECTORY, Mode::empty()) {
        // A missing name below a file is a wrong path, not a missing directory.
        Err(Errno::NOTDIR) => return Err(Errno::EXIST),
        Err(Errno::NOENT) => {}
        other => return other,
    }
    match mkdirat(folder, name, Mode::from_raw_mode(0o755)) {
        Ok(()) => {
            let made = openat(folder, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
            give(&made, user)?;
            Ok(made)
        }
        // Somebody else made it first and owns it; a link that leads nowhere ends here as missing.
        Err(Errno::EXIST) => openat(folder, name, OFlags::PATH | DIRECTORY, Mode::empty()),
        Err(error) => Err(error),
    }
}

/// Makes `user` the owner of what is open.
pub(super) fn give(file: impl rustix::fd::AsFd, user: &User) -> Result<(), Errno> {
    fchown(file, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::agent::actor::tests::actor;
    use crate::agent::failure::Class;

    #[test]
    fn what_is_made_belongs_to_the_user_and_what_was_there_does_not_change() {
        let root = tempfile::tempdir().unwrap();
        let mut user = actor(root.path()).user;
        fs::create_dir(root.path().join("there")).unwrap();
        symlink("there", root.path().join("link")).unwrap();
        (user.uid, user.gid) = (4321, 8765);
        ensure(&root.path().join("link/a/b"), &user).unwrap();
        for made in ["there/a", "there/a/b"] {
            let made = fs::metadata(root.path().join(made)).unwrap();
            assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (4321, 8765, 0o755));
        }
        let there = fs::metadata(root.path().join("there")).unwrap();
        assert_eq!(there.uid(), nix::unistd::getuid().as_raw());
        ensure(&root.path().join("there/a"), &user).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_told_apart_from_a_link_to_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let user = actor(root.path()).user;
        fs::write(root.path().join("file"), "").unwrap();
        symlink("nowhere", root.path().join("link")).unwrap();
        let class = |path: &str| ensure(&root.path().join(path), &user).unwrap_err().class();
        assert_eq!(class("file/below"), Class::Exists);
        assert_eq!(class("link/below"), Class::Missing);
    }
}
