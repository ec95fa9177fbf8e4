//! `filesystem.Filesystem/ListDir`.

use std::fs;
use std::path::{Path, PathBuf};

use connectrpc::ConnectError;
use roost_schemas::envd::filesystem::EntryInfo;

use super::entry;
use super::make_dir::not_a_directory;
use super::names::Names;
use crate::agent::failure::{Class, Failure};

/// Most entries of one answer, which is built in memory.
pub(super) const MOST: usize = 20_000;

/// Lists a directory `depth` levels down, 0 counting as 1: each directory's entries by name, each followed by what is
/// below it. Links are listed, not followed, but for the directory asked for.
pub(super) fn run(path: &Path, depth: u32, most: usize) -> Result<Vec<EntryInfo>, ConnectError> {
    if !fs::metadata(path).map_err(Failure::at(path))?.is_dir() {
        return Err(not_a_directory(path));
    }
    let names = Names::read(Path::new("/"));
    let mut entries = Vec::new();
    // What is still to be looked at, the next one last, with its depth.
    let mut waiting = below(path, 1, most)?;
    while let Some((path, level)) = waiting.pop() {
        let entry = match entry::describe(&path, &names) {
            Ok(entry) => entry,
            // Removed since its directory was read.
            Err(failure) if failure.class() == Class::Missing => continue,
            Err(failure) => return Err(failure.into()),
        };
        let descend = level < depth && entry.symlink_target.is_none() && path.is_dir();
        entries.push(entry);
        if descend {
            match below(&path, level + 1, most) {
                Ok(more) => waiting.extend(more),
                Err(failure) if failure.class() == Class::Missing => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        if entries.len() + waiting.len() > most {
            return Err(ConnectError::resource_exhausted(format!(
                "more than {most} entries: ask for a smaller depth, or for one directory after the other"
            )));
        }
    }
    Ok(entries)
}

/// A directory's paths in reverse order; of one that has more than `most`, not all.
fn below(folder: &Path, level: u32, most: usize) -> Result<Vec<(PathBuf, u32)>, Failure> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::at(folder))?.take(most + 1) {
        paths.push((entry.map_err(Failure::at(folder))?.path(), level));
    }
    paths.sort_unstable_by(|one, other| other.cmp(one));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use connectrpc::ErrorCode;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
        fs::write(folder.path().join("a/file"), "").unwrap();
        fs::write(folder.path().join("z"), "").unwrap();
        symlink("a", folder.path().join("link")).unwrap();
        folder
    }

    fn names(path: &Path, depth: u32) -> Vec<String> {
        run(path, depth, MOST)
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    #[test]
    fn depth_counts_levels_and_links_are_not_followed() {
        let folder = folder();
        assert_eq!(names(folder.path(), 0), ["a", "link", "z"]);
        assert_eq!(names(folder.path(), 1), ["a", "link", "z"]);
        assert_eq!(names(folder.path(), 2), ["a", "b", "file", "link", "z"]);
        assert_eq!(
            names(folder.path(), u32::MAX),
            ["a", "b", "c", "file", "link", "z"]
        );
        let through = run(&folder.path().join("link"), 1, MOST).unwrap();
        let path = folder.path().join("link/b");
        assert_eq!(through[0].path, path.to_str().unwrap(), "as it was asked for");
    }

    #[test]
    fn too_many_entries_and_no_directory_are_refused() {
        let folder = folder();
        let code = |path: &Path, depth, most| run(path, depth, most).unwrap_err().code;
        assert_eq!(code(folder.path(), 3, 5), ErrorCode::ResourceExhausted);
        assert_eq!(code(folder.path(), 1, 2), ErrorCode::ResourceExhausted);
        assert_eq!(
            code(&folder.path().join("z"), 1, MOST),
            ErrorCode::InvalidArgument
        );
        assert_eq!(code(&folder.path().join("no"), 1, MOST), ErrorCode::NotFound);
    }
}
