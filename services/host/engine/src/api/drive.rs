//! `PUT /drives/{drive_id}`: a virtio block device.

use super::RateLimiter;
use serde::{Deserialize, Serialize};

/// Body of `PUT /drives/{drive_id}` (`Drive`); `drive_id` must equal the one in the path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drive {
    /// Letters, digits and underscores.
    pub drive_id: String,
    /// Whether this is `/dev/vda`; other drives follow in the order they were put.
    pub is_root_device: bool,
    /// The raw image, as the engine sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_on_host: Option<String>,
    /// Whether the guest may only read it; writable when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_read_only: Option<bool>,
    /// What a flush by the guest does.
    #[serde(default)]
    pub cache_type: CacheType,
    /// Limits on the drive's traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiter: Option<RateLimiter>,
    /// Partition the kernel boots from; unused by Roost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partuuid: Option<String>,
    /// `Sync` or `Async`; unused by Roost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_engine: Option<String>,
    /// Socket of a vhost-user-blk backend; unused by Roost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
}

/// What the engine does when the guest flushes its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheType {
    /// Flushes are ignored: fastest, and a host crash may lose what the guest believes is stored.
    #[default]
    Unsafe,
    /// Flushes reach the host's disk.
    Writeback,
}

impl Drive {
    /// The read-only root drive.
    pub fn root_read_only(drive_id: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            drive_id: drive_id.into(),
            is_root_device: true,
            path_on_host: Some(path.into()),
            is_read_only: Some(true),
            ..Self::default()
        }
    }

    /// A further, writable drive.
    pub fn writable(drive_id: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            drive_id: drive_id.into(),
            path_on_host: Some(path.into()),
            is_read_only: Some(false),
            ..Self::default()
        }
    }
}
