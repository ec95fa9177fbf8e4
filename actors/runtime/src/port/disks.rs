//! Drives.

use std::path::PathBuf;

use async_trait::async_trait;
use roost_schemas::{Owner, TemplateName};

use super::{Fault, Image};

/// What a VM boots from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drives {
    /// The template's image, shared and never written.
    pub base: PathBuf,
    /// The sandbox's own drive, sparse.
    pub data: PathBuf,
}

/// The drives of this host.
#[async_trait]
pub trait Disks: Send + Sync + 'static {
    /// The drives of `owner`, made from `template` if it has none yet.
    async fn create(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault>;
    /// The drives of `owner`, made from `image` if it has none yet.
    async fn restore(&self, owner: &Owner, image: &Image) -> Result<Drives, Fault>;
    /// The drives of `owner`, whose sandbox stands on `template`; it must have some.
    async fn find(&self, owner: &Owner, template: &TemplateName) -> Result<Drives, Fault>;
    /// Removes what `owner` has written.
    async fn remove(&self, owner: &Owner) -> Result<(), Fault>;
    /// Who has a drive.
    async fn owners(&self) -> Result<Vec<Owner>, Fault>;
}
