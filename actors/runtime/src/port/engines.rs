//! Engines: VMM processes.

use std::sync::Arc;

use async_trait::async_trait;
use roost_schemas::event::EngineKind;
use roost_schemas::spec::Resources;
use roost_schemas::{Owner, TemplateName};

use super::{Drives, Fault, Slot};

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
    /// Waits for the engine's end, and tells what it left as last words.
    async fn exited(&self) -> String;
}

/// The engines of this host.
#[async_trait]
pub trait Engines: Send + Sync + 'static {
    /// Starts an engine for `owner` and boots the guest. What is left of an earlier try is destroyed first.
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault>;
    /// The VM of `owner` that an earlier life of this host started, if it still runs.
    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault>;
    /// Kills the engine of `owner`, if it has one, and removes its files; returns when both are gone.
    async fn destroy(&self, owner: &Owner) -> Result<(), Fault>;
    /// Who has an engine, or files of one.
    async fn owners(&self) -> Result<Vec<Owner>, Fault>;
}
