//! An engine's folder, named by its owner.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use roost_engine::{AdoptError, EngineProcess, Record};
use roost_runtime::port::Fault;
use roost_schemas::Owner;

const STEP: &str = "look for the engine";

/// See the module.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn of(folders: &Path, owner: &Owner) -> Self {
        Self(folders.join(owner.to_string()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn make(&self) -> Result<(), Fault> {
        let made = std::fs::create_dir_all(&self.0);
        made.map_err(|error| {
            Fault::new(
                "make the engine's folder",
                format!("{}: {error}", self.0.display()),
            )
        })
    }

    pub(super) fn exists(&self) -> bool {
        self.0.exists()
    }

    /// Takes hold of the engine that was recorded here, if it still runs and its record can be read.
    pub(super) fn adopt(&self) -> Result<Option<EngineProcess>, Fault> {
        let record = match Record::read(&self.0) {
            Ok(record) => record,
            // Another release's, perhaps: the engine's command line tells of it as well.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                tracing::warn!(%error, "an engine's record makes no sense; it is looked for without");
                None
            }
            Err(error) => return Err(Fault::of(STEP, &error)),
        };
        match record.map(EngineProcess::adopt) {
            Some(Ok(process)) => Ok(Some(process)),
            None
            | Some(Err(
                AdoptError::Gone { .. } | AdoptError::Reused { .. } | AdoptError::EarlierBoot { .. },
            )) => Ok(None),
            Some(Err(error @ AdoptError::Io { .. })) => Err(Fault::of(STEP, &error)),
        }
    }

    pub(super) fn remove(&self) -> Result<(), Fault> {
        match std::fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::new(
                "remove the engine's folder",
                format!("{}: {error}", self.0.display()),
            )),
            _ => Ok(()),
        }
    }
}

/// Everybody who has a folder in `folders`.
pub(super) fn owners(folders: &Path) -> Result<Vec<Owner>, Fault> {
    let entries = match std::fs::read_dir(folders) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::new(STEP, format!("{}: {error}", folders.display()))),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| Owner::parse(&name, '.')).collect())
}

#[cfg(test)]
mod tests {
    use roost_schemas::{Generation, SandboxId};

    use super::*;

    #[test]
    fn an_owner_is_read_back_from_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner {
            sandbox: SandboxId::new("sb1").unwrap(),
            generation: Generation(7),
        };
        std::fs::create_dir(Folder::of(dir.path(), &owner).path()).unwrap();
        std::fs::create_dir(dir.path().join("not ours")).unwrap();
        assert_eq!(owners(dir.path()).unwrap(), [owner]);
        assert!(owners(&dir.path().join("missing")).unwrap().is_empty());
    }
}
