//! Engines: VMM processes.

use std::sync::Arc;

use async_trait::async_trait;
use roost_schemas::event::{Cause, EngineKind};
use roost_schemas::spec::Resources;
use roost_schemas::{Owner, TemplateName};

use super::{Draft, Drives, Dumped, Fault, Image, Slot};

/// What a VM is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmSpec {
    /// vCPUs and memory.
    pub resources: Resources,
    /// Its drives.
    pub drives: Drives,
    /// Its place in the network.
    pub slot: Slot,
    /// What it starts from.
    pub template: TemplateName,
}

/// A VM whose engine runs.
#[async_trait]
pub trait Vm: Send + Sync + 'static {
    /// What runs it.
    fn engine(&self) -> EngineKind;
    /// That engine's version.
    fn engine_version(&self) -> String;
    /// Waits for its end, and tells what it left as last words. Watches its pager too: an engine whose pager is gone, or
    /// does not answer, is killed, because it would stand still at its next page fault.
    async fn exited(&self) -> Cause;
}

/// The engines of this host.
#[async_trait]
pub trait Engines: Send + Sync + 'static {
    /// Starts an engine for `owner` and boots the guest. What is left of an earlier try is destroyed first.
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault>;
    /// Starts a pager and an engine for `owner` and loads `image`, whose vCPUs stand still until they are resumed. What is
    /// left of an earlier try is destroyed first.
    async fn restore(&self, owner: &Owner, spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault>;
    /// Stops the vCPUs of `owner`; again, if they stand still.
    async fn pause(&self, owner: &Owner) -> Result<(), Fault>;
    /// Lets them run; again, if they run.
    async fn resume(&self, owner: &Owner) -> Result<(), Fault>;
    /// Whether they stand still.
    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault>;
    /// Writes state and memory, or what has changed of it, of the paused VM of `owner` into `draft`, and keeps its working set for the next resume.
    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault>;
    /// The VM of `owner` that an earlier life of this host started, if it still runs.
    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault>;
    /// Kills engine and pager of `owner`, if it has them, and removes their files; returns when all are gone.
    async fn destroy(&self, owner: &Owner) -> Result<(), Fault>;
    /// Who has an engine, or files of one.
    async fn owners(&self) -> Result<Vec<Owner>, Fault>;
}
