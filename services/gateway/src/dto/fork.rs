//! A request to fork a sandbox, and its answer.

use std::collections::BTreeMap;

use roost_schemas::Sequence;
use roost_schemas::network::NetworkPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::OnTimeout;
use super::network::Network;
use super::sandbox::Sandbox;
use super::text::VariableName;
use crate::actions::{Changes, Fork};
use crate::error::{ApiError, ErrorDetail};

/// Children that one request may ask for.
const COUNT: std::ops::RangeInclusive<u32> = 1..=100;

/// What the children are to be. What is absent is as in the source now; its template and resources they have anyway.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForkRequest {
    /// How many children.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100, default = 1)]
    count: Option<u32>,
    /// A place in the log: the children branch off at the newest snapshot from before it that is kept, instead of now.
    #[serde(default)]
    at: Option<u64>,
    /// Seconds from running to `on_timeout`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604_800)]
    timeout_sec: Option<u32>,
    /// What happens then.
    #[serde(default)]
    on_timeout: Option<OnTimeout>,
    /// Whether a request for what is in one resumes it when it is paused.
    #[serde(default)]
    auto_resume: Option<bool>,
    /// Labels, in place of the source's.
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    /// Environment variables of programs started from now on, in place of the source's.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<VariableName, String>>)]
    env: Option<BTreeMap<String, String>>,
    /// What they may reach, and who may reach them.
    #[serde(default)]
    network: Option<Network>,
}

impl TryFrom<ForkRequest> for Fork {
    type Error = ApiError;

    fn try_from(request: ForkRequest) -> Result<Self, ApiError> {
        let changes = Changes {
            timeout_sec: request.timeout_sec,
            on_timeout: request.on_timeout.map(Into::into),
            auto_resume: request.auto_resume,
            metadata: request.metadata,
            env: request.env,
            network: request.network.map(NetworkPolicy::from),
        };
        Ok(Self {
            count: count(request.count.map(i64::from))?,
            at: request.at.map(Sequence),
            changes,
        })
    }
}

/// A number of children; one if absent.
pub(crate) fn count(asked: Option<i64>) -> Result<u32, ApiError> {
    let asked = asked.unwrap_or(1);
    let count = u32::try_from(asked).ok().filter(|count| COUNT.contains(count));
    count.ok_or_else(|| {
        let (least, most) = (COUNT.start(), COUNT.end());
        ApiError::invalid(format!("count is {asked}: use {least} to {most}"))
    })
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForkResult {
    /// The snapshot at which the children branch off.
    pub(crate) snapshot: String,
    /// As many as were asked for.
    pub(crate) sandboxes: Vec<Child>,
}

/// A child: either it runs, or it tells why not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Child {
    /// It has come to run.
    Sandbox(Box<Sandbox>),
    /// It has not.
    Error(ErrorDetail),
}
