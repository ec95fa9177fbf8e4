//! The machine as a pure state machine: what a request means now, and what is true once it has been done.
//!
//! ```text
//!   NotStarted ──InstanceStart──▶ Running ◀──Paused / Resumed──▶ Paused ──┐ snapshot/create
//!     ▲    │ └───snapshot/load───────┴──────────────────────────────▲ ◀───┘
//!     └────┘ configuration           └───────── QEMU ends ──────────┴──▶ (the process exits)
//! ```
//!
//! [`Machine::decide`] looks, [`Machine::evolve`] changes; between them the shell performs the [`Step`], and when that
//! fails nothing has changed.

mod config;
mod decision;
mod fault;
pub(crate) mod mmds;
mod restore;

pub use config::Config;
pub use decision::{Artifact, Change, Decision, Step};
pub use fault::Fault;
pub use restore::Restore;

use crate::{metadata::Metadata, requests::Request, version::VERSION};
use roost_engine::api::{InstanceInfo, InstanceState};
use serde_json::Value;

/// One virtual machine, configured or running.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    id: String,
    pub(crate) state: InstanceState,
    pub(crate) config: Config,
    pub(crate) mmds: Option<Value>,
    /// Whether anything was configured that belongs to a boot, and rules out a load.
    pub(crate) configured: bool,
}

impl Machine {
    /// An unconfigured machine.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            state: InstanceState::NotStarted,
            config: Config::default(),
            mmds: None,
            configured: false,
        }
    }

    /// What has been configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Answer of `GET /`.
    pub fn describe(&self) -> InstanceInfo {
        InstanceInfo {
            id: self.id.clone(),
            state: self.state,
            vmm_version: VERSION.to_owned(),
            app_name: "roost-qemu".to_owned(),
        }
    }

    /// What the guest can read.
    pub(crate) fn metadata(&self) -> Metadata {
        Metadata::of(self.config.mmds_config.as_ref(), self.mmds.as_ref())
    }

    /// What `request` asks for in this state.
    pub fn decide(&self, request: Request) -> Result<Decision, Fault> {
        request.decide(self)
    }

    /// Applies a change whose step has been performed.
    pub fn evolve(&mut self, change: Change) {
        self.configured |= change.belongs_to_a_boot();
        match change {
            Change::Nothing => {}
            Change::MachineConfig(config) => self.config.machine = config,
            Change::BootSource(source) => self.config.boot_source = Some(source),
            Change::Drive(drive) => self.config.insert_drive(drive),
            Change::NetworkInterface(interface) => self.config.insert_interface(interface),
            Change::Entropy(entropy) => self.config.entropy = Some(entropy),
            Change::Serial(serial) => self.config.serial = serial,
            Change::MmdsConfig(config) => self.config.mmds_config = Some(config),
            Change::Mmds(data) => self.mmds = Some(data),
            Change::State(state) => self.state = state,
            Change::Loaded { config, state } => {
                self.config = *config;
                self.state = state;
            }
        }
    }

    /// Refuses unless the machine is still being configured.
    pub(crate) fn must_not_have_started(&self) -> Result<(), Fault> {
        match self.state {
            InstanceState::NotStarted => Ok(()),
            InstanceState::Running | InstanceState::Paused => Err(Fault::AfterStart),
        }
    }

    /// Refuses unless the machine has been started.
    pub(crate) fn must_have_started(&self) -> Result<(), Fault> {
        match self.state {
            InstanceState::NotStarted => Err(Fault::BeforeStart),
            InstanceState::Running | InstanceState::Paused => Ok(()),
        }
    }
}
