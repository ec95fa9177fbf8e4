//! The machine's mounts, as `/proc/self/mounts` lists them (fstab(5)).

use std::path::PathBuf;

/// A mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount<'a> {
    pub(crate) point: PathBuf,
    pub(crate) kind: &'a str,
    options: &'a str,
}

impl Mount<'_> {
    pub(crate) fn has_option(&self, option: &str) -> bool {
        self.options.split(',').any(|one| one == option)
    }
}

/// Those of `table`. Points with spaces in them, which are escaped, are of no account here.
pub(crate) fn parse(table: &str) -> impl Iterator<Item = Mount<'_>> {
    table.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some(Mount {
            point: words.nth(1)?.into(),
            kind: words.next()?,
            options: words.next()?,
        })
    })
}
