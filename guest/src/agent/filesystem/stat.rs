//! `filesystem.Filesystem/Stat`.

use std::path::Path;

use roost_schemas::envd::filesystem::EntryInfo;

use super::entry;
use super::names::Names;
use crate::agent::failure::Failure;

pub(super) fn run(path: &Path) -> Result<EntryInfo, Failure> {
    entry::describe(path, &Names::read(Path::new("/")))
}
