//! Files as a sandbox's agent has them.

use std::collections::BTreeMap;

use roost_schemas::Timestamp;
use roost_schemas::envd::filesystem as envd;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::rfc3339;

/// Reads a path in a guest. Nothing is none: the agent would take it for the user's home, and remove that.
fn path<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let path = String::deserialize(text)?;
    if path.is_empty() || path.contains('\0') {
        return Err(D::Error::custom("a path has at least one character, and no NUL"));
    }
    Ok(path)
}

/// One path.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathRequest {
    /// Absolute, or below the user's home.
    #[schema(example = "/home/user/notes.txt", pattern = "^[^\\u0000]+$")]
    #[serde(deserialize_with = "path")]
    pub(crate) path: String,
    /// As whom; absent: the template's default user.
    #[serde(default)]
    #[schema(pattern = "^[^\\u0000]*$")]
    pub(crate) user: Option<String>,
}

/// A folder to list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListRequest {
    /// Absolute, or below the user's home.
    #[schema(pattern = "^[^\\u0000]+$")]
    #[serde(deserialize_with = "path")]
    pub(crate) path: String,
    /// Levels down.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    pub(crate) depth: u32,
    /// As whom; absent: the template's default user.
    #[serde(default)]
    #[schema(pattern = "^[^\\u0000]*$")]
    pub(crate) user: Option<String>,
}

fn one() -> u32 {
    1
}

/// A file or folder to rename.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveRequest {
    /// Its present path.
    #[schema(pattern = "^[^\\u0000]+$")]
    #[serde(deserialize_with = "path")]
    pub(crate) from: String,
    /// Its new path.
    #[schema(pattern = "^[^\\u0000]+$")]
    #[serde(deserialize_with = "path")]
    pub(crate) to: String,
    /// As whom; absent: the template's default user.
    #[serde(default)]
    #[schema(pattern = "^[^\\u0000]*$")]
    pub(crate) user: Option<String>,
}

/// What a folder holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
}

/// A file, folder or link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// The last part of the path.
    name: String,
    /// The whole path.
    path: String,
    #[serde(rename = "type")]
    kind: EntryKind,
    /// In bytes.
    size: i64,
    /// Permission bits.
    mode: u32,
    /// The same as `ls` writes them.
    permissions: String,
    /// The owning user's name.
    owner: String,
    /// The owning group's name.
    group: String,
    /// When its content last changed.
    #[schema(format = DateTime)]
    modified_at: Option<String>,
    /// Where a link points.
    symlink_target: Option<String>,
    /// Names and values that a client attached.
    metadata: BTreeMap<String, String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

impl From<envd::EntryInfo> for Entry {
    fn from(info: envd::EntryInfo) -> Self {
        let kind = match info.r#type.as_known() {
            Some(envd::FileType::FILE_TYPE_FILE) => EntryKind::File,
            Some(envd::FileType::FILE_TYPE_DIRECTORY) => EntryKind::Directory,
            Some(envd::FileType::FILE_TYPE_SYMLINK) => EntryKind::Symlink,
            Some(envd::FileType::FILE_TYPE_UNSPECIFIED) | None => EntryKind::Other,
        };
        let modified = info.modified_time.into_option().and_then(|time| {
            let millis = u64::try_from(time.seconds).ok()?.checked_mul(1000)?;
            Some(Timestamp(millis + u64::try_from(time.nanos).ok()? / 1_000_000))
        });
        Self {
            name: info.name,
            path: info.path,
            kind,
            size: info.size,
            mode: info.mode,
            permissions: info.permissions,
            owner: info.owner,
            group: info.group,
            modified_at: modified.map(rfc3339),
            symlink_target: info.symlink_target,
            metadata: info.metadata.into_iter().collect(),
        }
    }
}
