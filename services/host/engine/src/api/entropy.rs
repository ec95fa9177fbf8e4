//! `PUT /entropy`: a virtio random number device.

use super::RateLimiter;
use serde::{Deserialize, Serialize};

/// Body of `PUT /entropy` (`EntropyDevice`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entropy {
    /// Limits on what the guest may draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiter: Option<RateLimiter>,
}
