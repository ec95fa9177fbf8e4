//! `GET /`: who the engine is and what its machine does.

use serde::{Deserialize, Serialize};

/// Answer of `GET /` (`InstanceInfo`). Unknown fields are ignored: a newer engine may say more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceInfo {
    /// The id given by `--id`.
    pub id: String,
    /// What the machine does.
    pub state: InstanceState,
    /// Version of the engine, like `1.16.1`.
    pub vmm_version: String,
    /// `Firecracker`, or the name of the engine that stands in for it.
    pub app_name: String,
}

/// State of the machine inside an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceState {
    /// Being configured.
    #[default]
    #[serde(rename = "Not started")]
    NotStarted,
    /// The guest runs.
    Running,
    /// The guest's CPUs stand still.
    Paused,
}
