//! `GET /version`.

use serde::{Deserialize, Serialize};

/// Answer of `GET /version` (`FirecrackerVersion`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Like `1.16.1`.
    pub firecracker_version: String,
}
