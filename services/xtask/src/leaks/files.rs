//! Mounts, control groups, sockets and files of ours.

use std::fs::{self, Metadata};
use std::path::Path;

use anyhow::{Context, Result};

use super::Scope;

/// Folders in which programs put what is temporary.
const TEMPORARY: [&str; 5] = ["/tmp", "/var/tmp", "/run", "/dev/shm", "/srv/jailer"];

/// Mount points, from `/proc/self/mountinfo`; the fifth field is the mount point.
pub(super) fn mounts(scope: &Scope) -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(points
        .filter(|point| scope.covers_text(point))
        .map(ToOwned::to_owned)
        .collect())
}

/// Control groups in any hierarchy.
pub(super) fn cgroups(scope: &Scope) -> Vec<String> {
    let mut found = Vec::new();
    walk(Path::new("/sys/fs/cgroup"), 4, &mut |path, metadata| {
        if metadata.is_dir() && scope.covers_path(path) {
            found.push(path.display().to_string());
        }
    });
    found
}

/// Unix sockets that are open, by the path at the end of their line; an abstract one begins with `@`.
pub(super) fn sockets(scope: &Scope) -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/net/unix").context("cannot read /proc/net/unix")?;
    let names = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_ascii_whitespace().nth(7));
    Ok(names
        .filter(|name| scope.covers_text(name) || scope.covers_name(name.trim_start_matches('@')))
        .map(ToOwned::to_owned)
        .collect())
}

/// Files and folders in the places for what is temporary. Of an instance whose state folder is to stay, as that of `up`
/// is, the folder itself is no leak.
pub(super) fn files(scope: &Scope) -> Vec<String> {
    let mut found = Vec::new();
    for folder in TEMPORARY {
        walk(Path::new(folder), 3, &mut |path, _| {
            let named = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("roost"));
            let ours = match scope {
                Scope::Machine => named && path != Path::new("/run/roost"),
                Scope::Instance { .. } => scope.covers_path(path),
            };
            if ours {
                found.push(path.display().to_string());
            }
        });
    }
    found
}

/// Shows `visit` everything below `folder` down to `depth`, without following links.
pub(super) fn walk(folder: &Path, depth: u32, visit: &mut impl FnMut(&Path, &Metadata)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let path = entry.path();
        visit(&path, &metadata);
        if metadata.is_dir() && depth > 1 {
            walk(&path, depth - 1, visit);
        }
    }
}
