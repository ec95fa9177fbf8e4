//! `PUT /network-interfaces/{iface_id}`: a virtio network device on a TAP.

use super::RateLimiter;
use serde::{Deserialize, Serialize};

/// Body of `PUT /network-interfaces/{iface_id}` (`NetworkInterface`); `iface_id` must equal the one in the path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkInterface {
    /// Letters, digits and underscores.
    pub iface_id: String,
    /// The TAP in the engine's network namespace.
    pub host_dev_name: String,
    /// The guest's address, as `02:FC:00:00:00:05`; the engine chooses when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_mac: Option<String>,
    /// MTU advertised to the guest, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Limits on what the guest receives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx_rate_limiter: Option<RateLimiter>,
    /// Limits on what the guest sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_rate_limiter: Option<RateLimiter>,
}
