//! Drives from the images folder and the drive store.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use roost_runtime::port::{Disks, Drives, Fault, Image};
use roost_schemas::{Owner, TemplateName};
use roost_snapshots::Store;
use tokio::task::spawn_blocking;

use super::snapshots;
use crate::disk::{DriveError, DriveStore, Images};

/// The drives of this host.
pub struct RealDisks {
    images: Arc<Images>,
    drives: DriveStore,
    store: Arc<Store>,
}

impl RealDisks {
    /// Shares the templates of `images`, and keeps what sandboxes write in `drives`; what they wrote before a snapshot
    /// comes from `store`.
    pub fn new(images: Arc<Images>, drives: DriveStore, store: Arc<Store>) -> Self {
        Self {
            images,
            drives,
            store,
        }
    }

    /// Runs `work` where it may block.
    async fn blocking<T, W>(&self, step: &'static str, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Images, &DriveStore) -> Result<T, Fault> + Send + 'static,
    {
        let (images, drives) = (Arc::clone(&self.images), self.drives.clone());
        let done = spawn_blocking(move || work(&images, &drives)).await;
        done.unwrap_or_else(|panic| Err(Fault::of(step, &panic)))
    }
}

/// The image of `template`, verified.
fn base(step: &'static str, images: &Images, template: &TemplateName) -> Result<PathBuf, Fault> {
    let found = images.template(template);
    Ok(found.map_err(|error| Fault::of(step, &error))?.image)
}

#[async_trait]
impl Disks for RealDisks {
    async fn create(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        const STEP: &str = "make the drives";
        let (owner, template) = (owner.clone(), template.clone());
        let create = move |images: &Images, drives: &DriveStore| {
            let base = base(STEP, images, &template)?;
            let data = drives.create(&owner).map_err(|error| Fault::of(STEP, &error))?;
            Ok(Drives { base, data })
        };
        self.blocking(STEP, create).await
    }

    async fn restore(&self, owner: &Owner, image: &Image) -> Result<Drives, Fault> {
        const STEP: &str = "restore the drive";
        let (owner, image, store) = (owner.clone(), image.clone(), Arc::clone(&self.store));
        let restore = move |images: &Images, drives: &DriveStore| {
            let base = base(STEP, images, &image.seal.template)?;
            let data = drives.restore(&owner, &store, &image.snapshot);
            let data = data.map_err(|error| match &error {
                DriveError::Snapshot(error) => snapshots::fault(STEP, error),
                _ => Fault::of(STEP, &error),
            })?;
            Ok(Drives { base, data })
        };
        self.blocking(STEP, restore).await
    }

    async fn find(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        const STEP: &str = "look for the drives";
        let (owner, template) = (owner.clone(), template.clone());
        let find = move |images: &Images, drives: &DriveStore| {
            let base = base(STEP, images, &template)?;
            let data = drives.find(&owner).map_err(|error| Fault::of(STEP, &error))?;
            let data = data.ok_or_else(|| Fault::new(STEP, format!("{owner} has no drive")))?;
            Ok(Drives { base, data })
        };
        self.blocking(STEP, find).await
    }

    async fn remove(&self, owner: &Owner) -> Result<(), Fault> {
        const STEP: &str = "remove the drive";
        let owner = owner.clone();
        self.blocking(STEP, move |_, drives| {
            drives.remove(&owner).map_err(|error| Fault::of(STEP, &error))
        })
        .await
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        const STEP: &str = "look for drives";
        self.blocking(STEP, |_, drives| {
            drives.owners().map_err(|error| Fault::of(STEP, &error))
        })
        .await
    }
}
