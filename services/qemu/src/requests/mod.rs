//! The requests of the API, one per file: what each takes, when it is allowed and what it comes to.

mod actions;
mod boot_source;
mod describe;
mod drive;
mod entropy;
mod machine_config;
mod mmds;
mod mmds_config;
mod network_interface;
mod serial;
mod snapshot_create;
mod snapshot_load;
mod version;
mod vm;
mod vm_config;

pub(crate) use mmds_config::address as metadata_address;

use crate::machine::{Decision, Fault, Machine};
use roost_engine::api::{
    Action, BootSource, Drive, Entropy, MachineConfig, MachineConfigUpdate, MmdsConfig, NetworkInterface,
    Serial, SnapshotCreate, SnapshotLoad, VmStateChange,
};
use serde::Serialize;
use serde_json::Value;

/// A request that could be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `GET /`
    Describe,
    /// `GET /version`
    Version,
    /// `GET /vm/config`
    VmConfig,
    /// `GET /machine-config`
    GetMachineConfig,
    /// `PUT /machine-config`
    PutMachineConfig(MachineConfig),
    /// `PATCH /machine-config`
    PatchMachineConfig(MachineConfigUpdate),
    /// `PUT /boot-source`
    PutBootSource(BootSource),
    /// `PUT /drives/{drive_id}`
    PutDrive(Drive),
    /// `PUT /network-interfaces/{iface_id}`
    PutNetworkInterface(NetworkInterface),
    /// `PUT /entropy`
    PutEntropy(Entropy),
    /// `PUT /serial`
    PutSerial(Serial),
    /// `PUT /mmds/config`
    PutMmdsConfig(MmdsConfig),
    /// `GET /mmds`
    GetMmds,
    /// `PUT /mmds`
    PutMmds(Value),
    /// `PATCH /mmds`
    PatchMmds(Value),
    /// `PUT /actions`
    Act(Action),
    /// `PATCH /vm`
    PatchVm(VmStateChange),
    /// `PUT /snapshot/create`
    CreateSnapshot(SnapshotCreate),
    /// `PUT /snapshot/load`
    LoadSnapshot(SnapshotLoad),
}

impl Request {
    pub(crate) fn decide(self, machine: &Machine) -> Result<Decision, Fault> {
        match self {
            Self::Describe => Ok(describe::decide(machine)),
            Self::Version => Ok(version::decide()),
            Self::VmConfig => Ok(vm_config::decide(machine)),
            Self::GetMachineConfig => Ok(machine_config::get(machine)),
            Self::PutMachineConfig(config) => machine_config::put(machine, config),
            Self::PatchMachineConfig(update) => machine_config::patch(machine, update),
            Self::PutBootSource(source) => boot_source::decide(machine, source),
            Self::PutDrive(drive) => drive::decide(machine, drive),
            Self::PutNetworkInterface(interface) => network_interface::decide(machine, interface),
            Self::PutEntropy(entropy) => entropy::decide(machine, entropy),
            Self::PutSerial(serial) => serial::decide(machine, serial),
            Self::PutMmdsConfig(config) => mmds_config::decide(machine, config),
            Self::GetMmds => mmds::get(machine),
            Self::PutMmds(data) => mmds::put(machine, data),
            Self::PatchMmds(patch) => mmds::patch(machine, patch),
            Self::Act(action) => actions::decide(machine, action.action_type),
            Self::PatchVm(change) => vm::decide(machine, change.state),
            Self::CreateSnapshot(create) => snapshot_create::decide(machine, create),
            Self::LoadSnapshot(load) => snapshot_load::decide(machine, load),
        }
    }
}

/// The document as an answer. These documents are plain data, so a failure would be a defect of ours and shows as null.
fn answer(document: &impl Serialize) -> Decision {
    Decision::Answer(serde_json::to_value(document).unwrap_or_default())
}

/// Refuses a field that is set although this engine cannot honour it: better than a guest that believes it is limited.
fn unsupported<T>(field: &'static str, value: Option<&T>) -> Result<(), Fault> {
    value.map_or(Ok(()), |_| Err(Fault::Unsupported { field }))
}
