//! `PUT /serial`: where the guest's serial console goes, and how much of it.

use super::TokenBucket;
use serde::{Deserialize, Serialize};

/// Milliseconds [`Serial::bounded`] takes to allow its budget again: a day.
const REFILL_MS: u64 = 24 * 60 * 60 * 1000;

/// Body of `PUT /serial` (`SerialDevice`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// File the console is written to; the engine's own output when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_out_path: Option<String>,
    /// Bytes beyond the bucket are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiter: Option<TokenBucket>,
}

impl Serial {
    /// The console in `path`, at most `bytes` of it a day: a guest that floods its console cannot fill the disk.
    pub fn bounded(path: impl Into<String>, bytes: u64) -> Self {
        Self {
            serial_out_path: Some(path.into()),
            rate_limiter: Some(TokenBucket {
                size: bytes,
                one_time_burst: None,
                refill_time: REFILL_MS,
            }),
        }
    }
}
