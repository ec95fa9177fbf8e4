//! The bodies of Firecracker's HTTP API, as its OpenAPI file at v1.16.1 names them.
//!
//! One definition serves both ends: [`crate::Client`] writes these and `roost-qemu` reads them, refusing unknown
//! fields as Firecracker does. Fields that Roost never sets are still named, so that an engine can tell a field it
//! does not support from one that does not exist.

mod action;
mod boot_source;
mod drive;
mod entropy;
mod fault;
mod instance_info;
mod machine_config;
mod mmds;
mod network_interface;
mod rate_limiter;
mod serial;
mod snapshot;
mod version;
mod vm_state;

pub use action::{Action, ActionType};
pub use boot_source::BootSource;
pub use drive::{CacheType, Drive};
pub use entropy::Entropy;
pub use fault::Fault;
pub use instance_info::{InstanceInfo, InstanceState};
pub use machine_config::{HugePages, MachineConfig, MachineConfigUpdate};
pub use mmds::{MmdsConfig, MmdsVersion};
pub use network_interface::NetworkInterface;
pub use rate_limiter::{RateLimiter, TokenBucket};
pub use serial::Serial;
pub use snapshot::{
    MemBackend, MemBackendType, NetworkOverride, SnapshotCreate, SnapshotLoad, SnapshotType, UffdRegion,
    VsockOverride,
};
pub use version::Version;
pub use vm_state::{VmState, VmStateChange};

/// Largest request body an engine accepts, in bytes: Firecracker's `HTTP_MAX_PAYLOAD_SIZE`.
pub const MAX_BODY_BYTES: usize = 51_200;

/// Most vCPUs a machine may have: Firecracker's `MAX_SUPPORTED_VCPUS`.
pub const MAX_VCPUS: u8 = 32;
