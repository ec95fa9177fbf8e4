//! `PUT /snapshot/create` and `PUT /snapshot/load`: a paused machine written to files, and a machine made from them.
//!
//! Before a load, `PUT /serial` and `PUT /mmds` are allowed and last beyond it, since neither is part of a snapshot;
//! anything else that configures a machine makes the load be refused. Afterwards the machine is one that has been
//! started: `PUT /mmds` is allowed, `PUT /serial` no longer is.

use serde::{Deserialize, Serialize};

/// Body of `PUT /snapshot/create` (`SnapshotCreateParams`). The machine must be paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotCreate {
    /// Which pages of the memory are written.
    #[serde(default)]
    pub snapshot_type: SnapshotType,
    /// File for the state of CPUs and devices.
    pub snapshot_path: String,
    /// File for the memory, as long as the memory is. A `Diff` into a file of that length leaves the rest of it as it is.
    pub mem_file_path: String,
}

/// Which pages a snapshot's memory file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotType {
    /// At least those written since the boot or the load; the others are holes. Of a machine that was booted, these
    /// are all there is.
    Diff,
    /// All of them.
    #[default]
    Full,
}

/// Body of `PUT /snapshot/load` (`SnapshotLoadParams`). Nothing may have been configured that belongs to a boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are Firecracker's")]
pub struct SnapshotLoad {
    /// File with the state of CPUs and devices.
    pub snapshot_path: String,
    /// Where the memory comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_backend: Option<MemBackend>,
    /// Deprecated: a memory file, instead of `mem_backend`; unused by Roost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_file_path: Option<String>,
    /// Deprecated name of `track_dirty_pages`; unused by Roost.
    #[serde(default, skip_serializing_if = "is_false")]
    pub enable_diff_snapshots: bool,
    /// Whether written pages are tracked, which makes a diff snapshot exact.
    #[serde(default)]
    pub track_dirty_pages: bool,
    /// Whether the vCPUs run afterwards; otherwise the machine is paused.
    #[serde(default)]
    pub resume_vm: bool,
    /// Interfaces that get another TAP than the one of the snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_overrides: Vec<NetworkOverride>,
    /// Another socket for the vsock device; unused by Roost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vsock_override: Option<VsockOverride>,
    /// Whether the guest's KVM clock jumps over the time since the snapshot; unused by Roost, whose agent steps the
    /// clock on every engine.
    #[serde(default, skip_serializing_if = "is_false")]
    pub clock_realtime: bool,
}

/// Where guest memory comes from (`MemoryBackend`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemBackend {
    /// What it is.
    pub backend_type: MemBackendType,
    /// The memory file, or the socket of a page-fault handler.
    pub backend_path: String,
}

/// Kinds of [`MemBackend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemBackendType {
    /// A file of a full snapshot.
    File,
    /// A process that is handed a userfaultfd for the memory.
    Uffd,
}

/// Another TAP for an interface (`NetworkOverride`). Like Firecracker's, it tolerates unknown fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkOverride {
    /// The interface.
    pub iface_id: String,
    /// The TAP in the engine's network namespace.
    pub host_dev_name: String,
}

/// Another socket for the vsock device (`VsockOverride`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VsockOverride {
    /// The socket.
    pub uds_path: String,
}

/// One region of guest memory, in the list that an engine sends to a page-fault handler together with the userfaultfd
/// (Firecracker's `GuestRegionUffdMapping`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UffdRegion {
    /// Where the region is in the engine's address space.
    pub base_host_virt_addr: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Where its contents are in the memory file, in bytes.
    pub offset: u64,
    /// Host page size behind it, in bytes.
    pub page_size: u64,
    /// The same in bytes, under Firecracker's deprecated and wrong name.
    pub page_size_kib: u64,
}

impl SnapshotLoad {
    /// Loads `snapshot_path` with this memory; the machine is paused afterwards.
    pub fn new(
        snapshot_path: impl Into<String>,
        backend_type: MemBackendType,
        backend: impl Into<String>,
    ) -> Self {
        Self {
            snapshot_path: snapshot_path.into(),
            mem_backend: Some(MemBackend {
                backend_type,
                backend_path: backend.into(),
            }),
            ..Self::default()
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !flag
}
