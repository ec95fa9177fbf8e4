//! A sandbox's files, by its agent. None of it is a command: nothing of it is in the log, and it takes no part in
//! `Roost-Sequence` and `Idempotency-Key`.

pub(crate) mod list;
pub(crate) mod mkdir;
pub(crate) mod read;
pub(crate) mod remove;
pub(crate) mod rename;
pub(crate) mod stat;
pub(crate) mod stream_read;
pub(crate) mod stream_write;
pub(crate) mod write;

use crate::dto::file::Entry;
use crate::error::{ApiError, Code};
use crate::extract::{Pairs, unknown};

/// What a query says of a file: its path, and as whom.
struct FileQuery {
    path: Option<String>,
    user: Option<String>,
}

impl FileQuery {
    fn read(Pairs(pairs): Pairs) -> Result<Self, ApiError> {
        let (mut path, mut user) = (None, None);
        for (name, value) in pairs {
            match name.as_str() {
                "path" => path = Some(value),
                "user" => user = Some(value),
                _ => return Err(unknown(&name, "path or user")),
            }
        }
        Ok(Self { path, user })
    }

    /// The path, where there has to be one.
    fn path(&self) -> Result<&str, ApiError> {
        let path = self.path.as_deref().filter(|path| !path.is_empty());
        path.ok_or_else(|| ApiError::invalid("query path is missing: name the file"))
    }
}

/// The entry that an agent's answer has to have.
fn entry(entry: Option<roost_schemas::envd::filesystem::EntryInfo>) -> Result<Entry, ApiError> {
    let entry = entry.ok_or_else(|| ApiError::new(Code::Internal, "the agent's answer has no entry"))?;
    Ok(entry.into())
}
