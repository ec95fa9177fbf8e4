//! The end of every draft: its manifests and its seal are written, all of it is made durable, and it gets its name.

use std::fs;
use std::path::Path;

use roost_schemas::SnapshotId;
use roost_schemas::snapshot::manifest::Manifest;
use roost_schemas::snapshot::{Part, SEAL_VERSION, Seal, file};

use crate::error::{StoreError, failed, unsealable};
use crate::file as files;
use crate::loaded::Loaded;
use crate::store::{Drafted, Store};
use crate::words::{About, Sealed};

impl Store {
    /// Seals the draft `id`, in which everything is but what is written here.
    pub(crate) fn publish(
        &self,
        id: &SnapshotId,
        about: &About,
        memory: &Manifest,
        disk: &Manifest,
    ) -> Result<Sealed, StoreError> {
        let (draft, sealed) = (self.drafted(id), self.root.sealed(id));
        let seal = Seal {
            version: SEAL_VERSION,
            snapshot: id.clone(),
            taken_at: about.taken_at,
            template: about.template.clone(),
            image: about.image.clone(),
            resources: about.resources,
            machine: self.machine.clone(),
            state: self.state(id)?,
            memory: written(&draft, memory)?,
            disk: written(&draft, disk)?,
        };
        let encoded = seal.encode();
        files::write(&draft.join(file::SEAL), &encoded)?;
        sync_all(&draft)?;
        fs::rename(&draft, &sealed).map_err(failed("name", &draft))?;
        if let Err(error) = self.root.sync() {
            // Nobody may find what could be gone after the next crash.
            fs::rename(&sealed, &draft).map_err(failed("take the name from", &sealed))?;
            return Err(error);
        }
        let loaded = Loaded::new(seal, &encoded, memory.clone(), disk.clone());
        self.trust(&loaded);
        let pin = self.pin(id);
        self.drafts().remove(id);
        Ok(Sealed {
            snapshot: loaded.record(&self.host),
            pin,
        })
    }

    /// What the engine's device state in the draft `id` is.
    pub(crate) fn state(&self, id: &SnapshotId) -> Result<Part, StoreError> {
        let plain = self.drafted_file(id, file::STATE)?;
        if plain.identity.bytes == 0 {
            return Err(unsealable(&plain.path, "the engine has written nothing"));
        }
        let digest = files::digest(&plain.file).map_err(failed("read", &plain.path))?;
        Ok(Part {
            bytes: plain.identity.bytes,
            digest,
        })
    }

    /// Takes what has just been written and hashed for what it is.
    fn trust(&self, loaded: &Loaded) {
        let id = &loaded.seal.snapshot;
        for need in loaded.needs().filter(|need| need.folder == *id) {
            // What cannot be opened now is read when it is needed.
            if let Ok(plain) = self.root.plain(id.as_str(), need.name) {
                self.verified.trust(&plain.path, plain.identity, need.digest());
            }
        }
    }

    /// Does something with what is known of the draft `id`.
    pub(crate) fn with_draft<T>(
        &self,
        id: &SnapshotId,
        with: impl FnOnce(&mut Drafted) -> T,
    ) -> Result<T, StoreError> {
        let mut drafts = self.drafts();
        let draft = drafts.get_mut(id).map(with);
        draft.ok_or_else(|| unsealable(&self.drafted(id), "there is no such draft"))
    }

    /// Does a part of the work on the draft `id`; if it fails, the draft is thrown away.
    pub(crate) fn or_discard<T>(
        &self,
        id: &SnapshotId,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work().inspect_err(|_| {
            if let Err(error) = self.discard(id) {
                tracing::warn!(snapshot = %id, %error, "a draft stays until the next start");
            }
        })
    }
}

/// Writes a manifest into the draft.
fn written(draft: &Path, manifest: &Manifest) -> Result<Part, StoreError> {
    let bytes = manifest.encode();
    files::write(&draft.join(manifest.kind().manifest_file()), &bytes)?;
    Ok(Part::of(&bytes))
}

/// Makes a folder and all files in it durable.
fn sync_all(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        files::sync(&entry.map_err(failed("read", folder))?.path())?;
    }
    files::sync(folder)
}
