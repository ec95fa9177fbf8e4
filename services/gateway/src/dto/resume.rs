//! A request to let a sandbox run again.

use serde::Deserialize;
use utoipa::ToSchema;

/// For how long a paused sandbox is to run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeRequest {
    /// Seconds from running to `on_timeout`; absent: as many as at its creation. One that runs already keeps its end.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604_800)]
    pub(crate) timeout_sec: Option<u32>,
}
