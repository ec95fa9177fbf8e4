//! The client: one method per request of the API.

mod answer;
mod door;
mod ready;
mod transport;

use crate::process::EngineProcess;
use crate::{
    api::{
        Action, ActionType, BootSource, Drive, Entropy, InstanceInfo, MachineConfig, MmdsConfig,
        NetworkInterface, Serial, SnapshotCreate, SnapshotLoad, Version, VmState, VmStateChange,
    },
    error::EngineError,
};
use door::Door;
use hyper::Method;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use transport::Transport;

/// How long one request may take unless told otherwise. `InstanceStart` of a large machine on a busy host is the
/// slowest of them and takes well under a second.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

/// How long a snapshot may take besides moving its memory.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(30);

/// MiB of memory that move in a second on a slow and busy disk.
const SLOW_MIB_PER_SECOND: u64 = 16;

/// Speaks to the engine behind one API socket. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client of whoever answers at `socket`. Connects at the first request.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self::through(Door {
            socket: socket.into(),
            engine: None,
        })
    }

    /// A client of this engine, which speaks to no other process whatever has become of its socket.
    pub fn of(process: &EngineProcess) -> Self {
        Self::through(Door {
            socket: process.socket().to_owned(),
            engine: Some(process.pid()),
        })
    }

    fn through(door: Door) -> Self {
        Self {
            transport: Transport::new(door, REQUEST_DEADLINE),
        }
    }

    /// The same client giving each request `deadline`.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.transport.deadline = deadline;
        self
    }

    /// The API socket.
    pub fn socket(&self) -> &Path {
        &self.transport.socket
    }

    /// Who the engine is and what its machine does: `GET /`.
    pub async fn describe(&self) -> Result<InstanceInfo, EngineError> {
        self.transport.get("/").await
    }

    /// Version of the engine: `GET /version`.
    pub async fn version(&self) -> Result<String, EngineError> {
        let version: Version = self.transport.get("/version").await?;
        Ok(version.firecracker_version)
    }

    /// Sets CPUs and memory: `PUT /machine-config`.
    pub async fn put_machine_config(&self, config: &MachineConfig) -> Result<(), EngineError> {
        self.transport.send(Method::PUT, "/machine-config", config).await
    }

    /// CPUs and memory, as they were set or came with a snapshot: `GET /machine-config`.
    pub async fn machine_config(&self) -> Result<MachineConfig, EngineError> {
        self.transport.get("/machine-config").await
    }

    /// Sets kernel, initial ramdisk and command line: `PUT /boot-source`.
    pub async fn put_boot_source(&self, source: &BootSource) -> Result<(), EngineError> {
        self.transport.send(Method::PUT, "/boot-source", source).await
    }

    /// Adds or replaces a drive: `PUT /drives/{drive_id}`.
    pub async fn put_drive(&self, drive: &Drive) -> Result<(), EngineError> {
        let path = format!("/drives/{}", drive.drive_id);
        self.transport.send(Method::PUT, &path, drive).await
    }

    /// Adds or replaces a network interface: `PUT /network-interfaces/{iface_id}`.
    pub async fn put_network_interface(&self, interface: &NetworkInterface) -> Result<(), EngineError> {
        let path = format!("/network-interfaces/{}", interface.iface_id);
        self.transport.send(Method::PUT, &path, interface).await
    }

    /// Gives the guest a random number device: `PUT /entropy`.
    pub async fn put_entropy(&self, entropy: &Entropy) -> Result<(), EngineError> {
        self.transport.send(Method::PUT, "/entropy", entropy).await
    }

    /// Says where the guest's console goes: `PUT /serial`.
    pub async fn put_serial(&self, serial: &Serial) -> Result<(), EngineError> {
        self.transport.send(Method::PUT, "/serial", serial).await
    }

    /// Gives the guest a metadata service: `PUT /mmds/config`. Its interfaces must have been put.
    pub async fn put_mmds_config(&self, config: &MmdsConfig) -> Result<(), EngineError> {
        self.transport.send(Method::PUT, "/mmds/config", config).await
    }

    /// Sets all that the metadata service tells: `PUT /mmds`. At most [`crate::api::MAX_BODY_BYTES`].
    pub async fn put_mmds(&self, data: &impl Serialize) -> Result<(), EngineError> {
        self.transport.send(Method::PUT, "/mmds", data).await
    }

    /// Changes some of it, as a JSON merge patch (RFC 7396): `PATCH /mmds`.
    pub async fn patch_mmds(&self, patch: &impl Serialize) -> Result<(), EngineError> {
        self.transport.send(Method::PATCH, "/mmds", patch).await
    }

    /// What it tells: `GET /mmds`.
    pub async fn mmds<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        self.transport.get("/mmds").await
    }

    /// Boots the machine: `InstanceStart`. Not idempotent: a second one is refused.
    pub async fn start(&self) -> Result<(), EngineError> {
        self.act(ActionType::InstanceStart).await
    }

    /// Presses Ctrl+Alt+Del in the guest: `SendCtrlAltDel`.
    pub async fn send_ctrl_alt_del(&self) -> Result<(), EngineError> {
        self.act(ActionType::SendCtrlAltDel).await
    }

    /// Stops the vCPUs: `PATCH /vm`. Idempotent.
    pub async fn pause(&self) -> Result<(), EngineError> {
        self.transport
            .send(
                Method::PATCH,
                "/vm",
                &VmStateChange {
                    state: VmState::Paused,
                },
            )
            .await
    }

    /// Lets the vCPUs run again: `PATCH /vm`. Idempotent.
    pub async fn resume(&self) -> Result<(), EngineError> {
        self.transport
            .send(
                Method::PATCH,
                "/vm",
                &VmStateChange {
                    state: VmState::Resumed,
                },
            )
            .await
    }

    /// Writes the paused machine to files: `PUT /snapshot/create`. It has `mem_size_mib` of memory, which may take a
    /// while; when this fails, the machine is paused as before.
    pub async fn create_snapshot(
        &self,
        create: &SnapshotCreate,
        mem_size_mib: u64,
    ) -> Result<(), EngineError> {
        self.patient(mem_size_mib)
            .send(Method::PUT, "/snapshot/create", create)
            .await
    }

    /// Makes the machine from a snapshot with `mem_size_mib` of memory: `PUT /snapshot/load`. When this fails, the
    /// engine is of no further use; Firecracker even ends.
    pub async fn load_snapshot(&self, load: &SnapshotLoad, mem_size_mib: u64) -> Result<(), EngineError> {
        self.patient(mem_size_mib)
            .send(Method::PUT, "/snapshot/load", load)
            .await
    }

    /// The transport with time enough to move this much memory.
    fn patient(&self, mem_size_mib: u64) -> Transport {
        let moving = Duration::from_secs(mem_size_mib / SLOW_MIB_PER_SECOND);
        let mut transport = self.transport.clone();
        transport.deadline = transport.deadline.max(SNAPSHOT_DEADLINE + moving);
        transport
    }

    async fn act(&self, action_type: ActionType) -> Result<(), EngineError> {
        self.transport
            .send(Method::PUT, "/actions", &Action { action_type })
            .await
    }
}
