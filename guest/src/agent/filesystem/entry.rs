//! An entry as clients see it.

use std::fs::{self, FileType as Kind, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use buffa_types::google::protobuf::Timestamp;
use roost_schemas::envd::filesystem::{EntryInfo, FileType};

use super::names::Names;
use super::permissions;
use crate::agent::failure::Failure;
use crate::agent::metadata;

/// Describes the entry at `path`. A link is described by what it leads to (type and mode) and by itself (the rest), as
/// E2B does.
pub(super) fn describe(path: &Path, names: &Names) -> Result<EntryInfo, Failure> {
    let own = fs::symlink_metadata(path).map_err(Failure::at(path))?;
    let (symlink_target, seen) = if own.is_symlink() {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        (
            Some(target.to_string_lossy().into_owned()),
            fs::metadata(path).ok(),
        )
    } else {
        (None, Some(own.clone()))
    };
    Ok(EntryInfo {
        name: path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
        r#type: seen
            .as_ref()
            .map_or(FileType::FILE_TYPE_UNSPECIFIED, |seen| kind(seen.file_type()))
            .into(),
        path: path.to_string_lossy().into_owned(),
        size: own.size().try_into().unwrap_or(i64::MAX),
        mode: seen.map_or(0, |seen| seen.mode() & 0o777),
        permissions: permissions::text(own.mode()),
        owner: names.user(own.uid()),
        group: names.group(own.gid()),
        modified_time: modified(&own).into(),
        symlink_target,
        metadata: metadata::read(path).into_iter().collect(),
    })
}

fn kind(kind: Kind) -> FileType {
    if kind.is_file() {
        FileType::FILE_TYPE_FILE
    } else if kind.is_dir() {
        FileType::FILE_TYPE_DIRECTORY
    } else {
        FileType::FILE_TYPE_UNSPECIFIED
    }
}

fn modified(metadata: &Metadata) -> Timestamp {
    Timestamp {
        seconds: metadata.mtime(),
        nanos: i32::try_from(metadata.mtime_nsec()).unwrap_or(0),
        ..Timestamp::default()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_shows_what_it_leads_to_and_a_broken_one_is_shown_too() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| fs::canonicalize(folder.path()).unwrap().join(name);
        fs::write(at("file"), "12345").unwrap();
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("nowhere", at("broken")).unwrap();
        let names = Names::default();

        let file = describe(&at("file"), &names).unwrap();
        assert_eq!((file.name.as_str(), file.size, file.mode), ("file", 5, 0o640));
        assert_eq!(file.permissions, "-rw-r-----");
        assert_eq!(file.r#type, FileType::FILE_TYPE_FILE);
        assert!(file.modified_time.seconds > 1_700_000_000);

        let link = describe(&at("link"), &names).unwrap();
        assert_eq!((link.r#type, link.mode), (FileType::FILE_TYPE_FILE.into(), 0o640));
        assert_eq!(link.symlink_target.as_deref(), at("file").to_str());
        assert_eq!(link.permissions, "Lrwxrwxrwx");

        let broken = describe(&at("broken"), &names).unwrap();
        assert_eq!(broken.r#type, FileType::FILE_TYPE_UNSPECIFIED);
        assert_eq!(broken.symlink_target.as_deref(), at("broken").to_str());
        assert!(describe(&at("nowhere"), &names).is_err());
    }
}
