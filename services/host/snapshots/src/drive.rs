//! Making a drive out of a snapshot.

use std::fs::File;

use roost_images::sparse;
use roost_schemas::snapshot::manifest::{Kind, Place};
use roost_schemas::snapshot::{PAGE, Snapshot};

use crate::error::{StoreError, failed};
use crate::store::Store;

impl Store {
    /// Fills the empty file `to` with the drive of `snapshot`, after the same checks as [`Self::check`]. It is as long and
    /// as sparse as the drive was, and not made durable.
    pub fn restore_drive(&self, snapshot: &Snapshot, to: &File) -> Result<(), StoreError> {
        let _pin = self.pin(&snapshot.id);
        let content = self.checked(snapshot)?.content(&self.root, Kind::Disk);
        let content = content.map_err(|trouble| self.quarantine(&snapshot.id, trouble))?;
        let folder = self.root.sealed(&snapshot.id);
        let manifest = content.manifest();
        let written = to.set_len(manifest.pages() * PAGE).and_then(|()| {
            manifest.runs().iter().try_for_each(|run| match run.place {
                Place::Zero => Ok(()),
                Place::Source { source, page } => {
                    let from = &content.source(source).file;
                    sparse::copy_range(
                        from,
                        page * PAGE,
                        to,
                        run.first * PAGE,
                        u64::from(run.count) * PAGE,
                    )
                }
            })
        });
        written.map_err(failed("write a drive from", &folder))
    }
}
