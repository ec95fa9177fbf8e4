//! A host as users see it.

use roost_domain::fleet::{Fleet, View};
use roost_domain::host::Host as State;
use roost_schemas::HostId;
use roost_schemas::spec::Resources;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use super::sandbox::engine;

/// A machine that runs sandboxes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Host {
    id: String,
    /// Whether it takes new sandboxes.
    taking: bool,
    /// Whether it was silent for longer than its lease, and what was on it was given up.
    down: bool,
    /// What its sandboxes together may have.
    capacity: Amount,
    /// What its sandboxes that live have together.
    used: Amount,
    /// Such as `firecracker` or `qemu`.
    engine: String,
    engine_version: String,
    /// The release of its agent.
    release: String,
    /// When it last registered, was drained or was given up.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// An amount of what sandboxes need.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Amount {
    vcpus: u32,
    /// In MiB.
    memory_mb: u32,
    sandboxes: u32,
}

impl Amount {
    fn new(resources: Resources, sandboxes: u32) -> Self {
        Self {
            vcpus: resources.vcpus,
            memory_mb: resources.memory_mb,
            sandboxes,
        }
    }
}

impl Host {
    pub(crate) fn of(id: &HostId, view: &View<State>, fleet: &Fleet) -> Option<Self> {
        let registered = view.state.registered.as_ref()?;
        let (used, sandboxes) = fleet.used(id);
        Some(Self {
            id: id.to_string(),
            taking: view.state.taking().is_some(),
            down: view.state.down.is_some(),
            capacity: Amount::new(registered.capacity, registered.max_sandboxes),
            used: Amount::new(used, sandboxes),
            engine: engine(registered.engine).to_owned(),
            engine_version: registered.engine_version.clone(),
            release: registered.release.clone(),
            updated_at: rfc3339(view.updated_at),
        })
    }
}

/// All hosts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hosts {
    pub(crate) hosts: Vec<Host>,
}
