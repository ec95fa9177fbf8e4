//! A request to move a sandbox's end.

use serde::Deserialize;
use utoipa::ToSchema;

/// When a sandbox is to time out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetTimeout {
    /// Seconds from now.
    #[schema(minimum = 1, maximum = 604_800)]
    pub(crate) timeout_sec: u32,
}
