//! Snapshots from this host's store.

mod boots;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use roost_runtime::port::{Draft, Dumped, Fault, Image, Pin, Portrayed, Sealed, Snapshots};
use roost_schemas::event::TemplateRegistered;
use roost_schemas::snapshot::{Machine, Seal, Snapshot, file};
use roost_schemas::spec::Resources;
use roost_schemas::{Digest, SnapshotId, TemplateName, Timestamp};
use roost_snapshots::{About, Dump, Store, StoreError};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::disk::Images;
use boots::Boots;

/// The snapshots of this host.
pub struct RealSnapshots {
    store: Arc<Store>,
    boots: Boots,
    /// What was sealed when [`Snapshots::kept`] was last asked: what a sweep may remove.
    candidates: Mutex<BTreeSet<SnapshotId>>,
}

impl RealSnapshots {
    /// Keeps them in `store`, of sandboxes that stand on `images` and run on `machine`.
    pub fn new(store: Arc<Store>, images: &Images, machine: Machine) -> Self {
        Self {
            store,
            boots: Boots::new(images, machine),
            candidates: Mutex::default(),
        }
    }

    /// Runs `work` about the snapshot `id` where it may block.
    async fn blocking<T, W>(&self, step: &'static str, id: &SnapshotId, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let began = Instant::now();
        let done = spawn_blocking(move || work(&store)).await;
        let done = done.map_err(|panic| Fault::of(step, &panic))?;
        let ms = began.elapsed().as_millis();
        tracing::debug!(snapshot = %id, step, ms, ok = done.is_ok());
        done.map_err(|error| fault(step, &error))
    }

    /// What a snapshot of `of` says of itself.
    fn about(&self, step: &'static str, of: &Portrayed) -> Result<About, Fault> {
        let image = self.image(step, &of.template)?;
        Ok(About {
            template: of.template.clone(),
            image: image.digest.clone(),
            resources: of.resources,
            taken_at: Timestamp::now(),
        })
    }

    fn image(&self, step: &'static str, template: &TemplateName) -> Result<&TemplateRegistered, Fault> {
        let known = self.boots.image(template);
        known.ok_or_else(|| Fault::new(step, format!("this host has no image {template}")))
    }
}

/// Says of a snapshot that cannot be used that it is so, for good.
pub(super) fn fault(step: &'static str, error: &StoreError) -> Fault {
    Fault {
        unusable: error.unusable().cloned(),
        ..Fault::of(step, error)
    }
}

fn sealed(sealed: roost_snapshots::Sealed) -> Sealed {
    Sealed {
        snapshot: sealed.snapshot,
        pin: Pin::new(sealed.pin),
    }
}

#[async_trait]
impl Snapshots for RealSnapshots {
    async fn draft(&self, id: &SnapshotId) -> Result<Draft, Fault> {
        let begun = id.clone();
        let draft = self.blocking("begin the snapshot", id, move |store| store.draft(&begun));
        let draft = draft.await?;
        Ok(Draft {
            id: draft.id,
            state: draft.state,
            memory: draft.memory,
            alone: false,
        })
    }

    async fn draft_alone(&self, id: &SnapshotId, parent: &SnapshotId) -> Result<Draft, Fault> {
        let served = parent.clone();
        let vouch = move |store: &Store| store.vouch_for_memory(&served);
        self.blocking("look at what the VM reads", parent, vouch).await?;
        let draft = self.draft(id).await?;
        Ok(Draft { alone: true, ..draft })
    }

    async fn collect(&self, draft: &Draft, of: &Portrayed) -> Result<(), Fault> {
        let (id, of) = (draft.id.clone(), of.clone());
        let collect = move |store: &Store| store.collect(&id, &of.drives.data, of.parent.as_ref());
        self.blocking("take over the drive", &draft.id, collect).await
    }

    async fn seal(&self, draft: &Draft, of: &Portrayed, dumped: Dumped) -> Result<Sealed, Fault> {
        const STEP: &str = "seal the snapshot";
        let about = self.about(STEP, of)?;
        let (id, parent) = (draft.id.clone(), of.parent.clone());
        let dump = Dump {
            complete: dumped.complete,
            removed: dumped.removed,
        };
        let began = Instant::now();
        let seal = move |store: &Store| store.seal(&id, &about, parent.as_ref(), &dump);
        let done = sealed(self.blocking(STEP, &draft.id, seal).await?);
        let Snapshot {
            id,
            stored_bytes,
            sources,
            ..
        } = &done.snapshot;
        let ms = began.elapsed().as_millis();
        tracing::info!(snapshot = %id, parent = ?of.parent, stored_bytes, sources, ms, "sealed");
        Ok(done)
    }

    async fn discard(&self, id: &SnapshotId) -> Result<(), Fault> {
        let unwanted = id.clone();
        let discard = move |store: &Store| store.discard(&unwanted);
        self.blocking("throw the draft away", id, discard).await
    }

    async fn find(&self, id: &SnapshotId) -> Result<Option<Sealed>, Fault> {
        let wanted = id.clone();
        let find = move |store: &Store| store.find(&wanted);
        let found = self.blocking("look for the snapshot", id, find).await?;
        Ok(found.map(sealed))
    }

    async fn open(&self, snapshot: &Snapshot) -> Result<Image, Fault> {
        const STEP: &str = "open the snapshot";
        let wanted = snapshot.clone();
        let check = move |store: &Store| store.check(&wanted);
        let opened = self.blocking(STEP, &snapshot.id, check).await?;
        let image = self.image(STEP, &opened.seal.template)?;
        opened
            .stands_on(&image.digest)
            .map_err(|error| fault(STEP, &error))?;
        Ok(Image {
            snapshot: opened.snapshot,
            seal: opened.seal,
            folder: opened.folder,
        })
    }

    async fn seal_of(&self, snapshot: &Snapshot) -> Result<Seal, Fault> {
        const STEP: &str = "read the seal";
        let path = self.store.folder().join(snapshot.id.as_str()).join(file::SEAL);
        let unusable = |why: String| {
            let detail = format!("{}: {why}", path.display());
            Fault::unusable(STEP, &snapshot.id, detail)
        };
        let bytes = match tokio::fs::read(&path).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(unusable(error.to_string())),
            Err(error) => return Err(Fault::new(STEP, format!("{}: {error}", path.display()))),
        };
        if Digest::of(&bytes) != snapshot.seal {
            return Err(unusable("it is not the seal that the log tells of".to_owned()));
        }
        Seal::decode(&bytes).map_err(|error| unusable(error.to_string()))
    }

    async fn compact(
        &self,
        snapshot: &Snapshot,
        id: &SnapshotId,
        cancel: &CancellationToken,
    ) -> Result<Sealed, Fault> {
        let (snapshot, new, cancel) = (snapshot.clone(), id.clone(), cancel.clone());
        let began = Instant::now();
        let compact = move |store: &Store| store.compact(&snapshot, &new, &|| cancel.is_cancelled());
        let done = sealed(self.blocking("compact the snapshot", id, compact).await?);
        let Snapshot { stored_bytes, .. } = done.snapshot;
        tracing::info!(snapshot = %id, stored_bytes, ms = began.elapsed().as_millis(), "compacted");
        Ok(done)
    }

    async fn of_boot(
        &self,
        template: &TemplateName,
        resources: Resources,
    ) -> Result<Option<SnapshotId>, Fault> {
        Ok(self.boots.id(template, resources))
    }

    async fn kept(&self) -> Result<BTreeSet<SnapshotId>, Fault> {
        const STEP: &str = "look what is kept";
        let store = Arc::clone(&self.store);
        // In this order: what is sealed after the first look is no candidate, and what is pinned at the second stays.
        let looked = spawn_blocking(move || store.sealed().map(|sealed| (sealed, store.pinned()))).await;
        let looked = looked.map_err(|panic| Fault::of(STEP, &panic))?;
        let (sealed, mut kept) = looked.map_err(|error| Fault::of(STEP, &error))?;
        *self.candidates.lock().unwrap_or_else(PoisonError::into_inner) = sealed;
        kept.extend(self.boots.all());
        Ok(kept)
    }

    async fn sweep(&self, referenced: &BTreeSet<SnapshotId>) -> Result<Vec<SnapshotId>, Fault> {
        const STEP: &str = "sweep the snapshots";
        let candidates = std::mem::take(&mut *self.candidates.lock().unwrap_or_else(PoisonError::into_inner));
        let (store, keep) = (Arc::clone(&self.store), referenced.clone());
        let swept = spawn_blocking(move || store.sweep(&candidates, &keep)).await;
        let swept = swept.map_err(|panic| Fault::of(STEP, &panic))?;
        let swept = swept.map_err(|error| Fault::of(STEP, &error))?;
        if !swept.unreadable.is_empty() {
            tracing::error!(snapshots = ?swept.unreadable, "nobody can tell what these need, so nothing was swept");
        }
        Ok(swept.removed)
    }
}
