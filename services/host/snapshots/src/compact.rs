//! Compaction: the same content written anew as one generation, so that what it was made of can go.

use std::io;
use std::num::NonZeroU64;
use std::path::Path;

use roost_schemas::SnapshotId;
use roost_schemas::snapshot::manifest::{Change, Kind, Manifest, Place};
use roost_schemas::snapshot::{PAGE, Snapshot, file};
use rustix::fs::{Advice, fadvise};

use crate::content::Content;
use crate::error::{StoreError, Trouble, failed, unsealable};
use crate::file::{CHUNK, chunk};
use crate::generation::Generation;
use crate::store::Store;
use crate::words::{About, Sealed};

impl Store {
    /// Writes the content of `snapshot` anew under `id`, so that it needs no other snapshot, unless it is cancelled. What
    /// is sealed under `id` already is that.
    pub fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Sealed, StoreError> {
        if let Some(done) = self.find(id)? {
            return Ok(done);
        }
        let opened = self.check(snapshot)?;
        self.draft(id)?;
        self.or_discard(id, || {
            let memory = self.rewritten(snapshot, id, Kind::Memory, cancelled)?;
            let disk = self.rewritten(snapshot, id, Kind::Disk, cancelled)?;
            let (state, to) = (opened.state(), self.drafted(id).join(file::STATE));
            std::fs::copy(&state, &to).map_err(failed("write", &to))?;
            if self.state(id)? != opened.seal.state {
                let differs = io::Error::other("it is not what was copied");
                return Err(failed("read back", &to)(differs));
            }
            self.hand_down(&snapshot.id, id)?;
            let about = About {
                template: opened.seal.template.clone(),
                image: opened.seal.image.clone(),
                resources: opened.seal.resources,
                taken_at: opened.seal.taken_at,
            };
            self.publish(id, &about, &memory, &disk)
        })
    }

    /// Writes one generation file with all that `snapshot` has of this kind, and reads it back.
    fn rewritten(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        kind: Kind,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Manifest, StoreError> {
        let blame = |trouble| self.quarantine(&snapshot.id, trouble);
        let content = self.checked(snapshot)?.content(&self.root, kind).map_err(blame)?;
        let to = self.drafted(id).join(kind.generation_file());
        let goes_on = || {
            if cancelled() {
                return Err(StoreError::Cancelled { snapshot: id.clone() });
            }
            Ok(())
        };
        let manifest = rewrite(&content, id, &to, &goes_on).map_err(blame)?;
        let written = self.drafted_file(id, kind.generation_file())?;
        // Not what the kernel remembers, but what the disk has.
        let durable = written
            .file
            .sync_all()
            .and_then(|()| Ok(fadvise(&written.file, 0, None::<NonZeroU64>, Advice::DontNeed)?));
        durable.map_err(failed("sync", &to))?;
        let again = Content::drafted(manifest, written);
        compare(&content, &again, &to, &goes_on).map_err(blame)?;
        Ok(again.into_manifest())
    }
}

fn rewrite(
    content: &Content,
    id: &SnapshotId,
    to: &Path,
    goes_on: &dyn Fn() -> Result<(), StoreError>,
) -> Result<Manifest, Trouble> {
    let before = content.manifest();
    let mut generation = Generation::begin(to)?;
    let mut changes = Vec::new();
    let mut buffer = vec![0; CHUNK];
    for run in before.runs() {
        if run.place == Place::Zero {
            continue;
        }
        let mut first = run.first;
        while first < run.end() {
            goes_on()?;
            let pages = &mut buffer[..chunk(run.end() - first)];
            let count = pages.len() as u64 / PAGE;
            content.read(first, pages)?;
            let stored_at = Some(generation.add(pages)?);
            changes.push(Change {
                first,
                count,
                stored_at,
            });
            first += count;
        }
    }
    let generation = generation.finish(id)?;
    let blank = Manifest::zeros(before.kind(), before.pages());
    let manifest = blank.overlaid(generation, changes);
    Ok(manifest.map_err(|error| unsealable(to, error.to_string()))?)
}

/// Makes sure that both read the same.
fn compare(
    one: &Content,
    other: &Content,
    written: &Path,
    goes_on: &dyn Fn() -> Result<(), StoreError>,
) -> Result<(), Trouble> {
    let pages = one.manifest().pages();
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut first = 0;
    while first < pages {
        goes_on()?;
        let length = chunk(pages - first);
        let count = length as u64 / PAGE;
        one.read(first, &mut left[..length])?;
        other.read(first, &mut right[..length])?;
        if left[..length] != right[..length] {
            let differs = io::Error::other(format!("page {first} or one of {count} from there differs"));
            return Err(failed("read back", written)(differs).into());
        }
        first += count;
    }
    Ok(())
}
