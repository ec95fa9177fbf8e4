//! Drives from the images folder and the drive store.

use std::sync::Arc;

use async_trait::async_trait;
use roost_runtime::port::{Disks, Drives, Fault, Image};
use roost_schemas::{Owner, TemplateName};
use tokio::task::spawn_blocking;

use crate::disk::{DriveStore, Images};

/// The drives of this host.
pub struct RealDisks {
    images: Arc<Images>,
    drives: DriveStore,
}

impl RealDisks {
    /// Shares the templates of `images`, and keeps what sandboxes write in `drives`.
    pub fn new(images: Arc<Images>, drives: DriveStore) -> Self {
        Self { images, drives }
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

#[async_trait]
impl Disks for RealDisks {
    async fn create(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        const STEP: &str = "make the drives";
        let (owner, template) = (owner.clone(), template.clone());
        let create = move |images: &Images, drives: &DriveStore| {
            let base = images
                .template(&template)
                .map_err(|error| Fault::of(STEP, &error))?
                .image;
            let data = drives.create(&owner).map_err(|error| Fault::of(STEP, &error))?;
            Ok(Drives { base, data })
        };
        self.blocking(STEP, create).await
    }

    async fn restore(&self, owner: &Owner, image: &Image) -> Result<Drives, Fault> {
        Err(Fault::new(
            "make the drives",
            format!("{owner} from {}: snapshots are not kept yet", image.snapshot.id),
        ))
    }

    async fn find(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault> {
        self.create(owner, template).await
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
