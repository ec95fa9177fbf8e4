//! E2B's `NewSandbox`, and the request that it stands for.

use std::collections::BTreeMap;

use roost_schemas::spec::{OnHostDown, OnTimeout, SandboxSpec, TIMEOUT_SEC};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::absent::{always, no_entries, no_fields, nothing};
use super::network::NewNetwork;
use super::template::name;
use crate::dto::text::VariableName;
use crate::error::ApiError;

/// A request for a sandbox. `secure` is not read: every sandbox is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bNewSandbox)]
pub(in crate::e2b) struct NewSandbox {
    /// What it starts from; GET /v2/templates lists them.
    #[serde(rename = "templateID")]
    #[schema(example = "base", pattern = "^[a-z0-9][a-z0-9_-]{0,62}(:default)?$")]
    template_id: String,
    /// Seconds from running to its end, or its pause.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604_800, example = 60)]
    timeout: Option<i64>,
    /// Your own labels; lists can be filtered by them. At most 64 pairs and 16 KiB.
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    /// Environment variables of every program. At most 64 pairs and 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<VariableName, String>>)]
    env_vars: Option<BTreeMap<String, String>>,
    /// Wins over the one in `network`.
    #[serde(default, rename = "allow_internet_access")]
    allow_internet_access: Option<bool>,
    #[serde(default)]
    network: Option<NewNetwork>,
    /// Whether it is paused when its time is over, and not ended.
    #[serde(default)]
    auto_pause: Option<bool>,
    #[serde(default)]
    #[schema(schema_with = always)]
    auto_pause_memory: Option<bool>,
    #[serde(default)]
    auto_resume: Option<AutoResume>,
    #[serde(default)]
    #[schema(schema_with = nothing)]
    mcp: Option<IgnoredAny>,
    #[serde(default)]
    iam: Option<Iam>,
    #[serde(default)]
    #[schema(schema_with = no_entries)]
    volume_mounts: Option<Vec<IgnoredAny>>,
}

/// Whether a request for what is in it resumes it when it is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = E2bAutoResume)]
struct AutoResume {
    enabled: bool,
}

/// Identities at clouds, of which there are none here.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = E2bIam)]
struct Iam {
    #[serde(default)]
    #[schema(schema_with = no_fields)]
    tokens: Option<Map<String, Value>>,
}

impl NewSandbox {
    /// The request in Roost's words; `default_timeout` in seconds, for one that names none.
    pub(in crate::e2b) fn spec(self, default_timeout: u32) -> Result<SandboxSpec, ApiError> {
        self.refuse_what_is_not_there()?;
        let timeout_sec = match self.timeout {
            None => default_timeout,
            Some(asked) => timeout(asked)?,
        };
        let mut network = self.network.unwrap_or_default().policy()?;
        network.internet = self.allow_internet_access.unwrap_or(network.internet);
        Ok(SandboxSpec {
            template: name("templateID", &self.template_id)?,
            vcpus: None,
            memory_mb: None,
            timeout_sec,
            on_timeout: if self.auto_pause == Some(true) {
                OnTimeout::Pause
            } else {
                OnTimeout::Kill
            },
            on_host_down: OnHostDown::Lose,
            auto_resume: self.auto_resume.is_some_and(|resume| resume.enabled),
            metadata: self.metadata.unwrap_or_default(),
            env: self.env_vars.unwrap_or_default(),
            network,
        })
    }

    /// A sandbox that is not what was asked for would be worse than none.
    fn refuse_what_is_not_there(&self) -> Result<(), ApiError> {
        let asked = [
            ("autoPauseMemory", self.auto_pause_memory == Some(false)),
            ("mcp", self.mcp.is_some()),
            (
                "iam.tokens",
                self.iam
                    .as_ref()
                    .and_then(|iam| iam.tokens.as_ref())
                    .is_some_and(|tokens| !tokens.is_empty()),
            ),
            (
                "volumeMounts",
                self.volume_mounts
                    .as_ref()
                    .is_some_and(|mounts| !mounts.is_empty()),
            ),
        ];
        match asked.iter().find(|(_, asked)| *asked) {
            Some((field, _)) => Err(ApiError::invalid(format!(
                "{field} is not available yet: leave it out"
            ))),
            None => Ok(()),
        }
    }
}

fn timeout(asked: i64) -> Result<u32, ApiError> {
    let seconds = u32::try_from(asked)
        .ok()
        .filter(|seconds| TIMEOUT_SEC.contains(seconds));
    seconds.ok_or_else(|| {
        ApiError::invalid(format!(
            "timeout is {asked}: use {} to {} seconds",
            TIMEOUT_SEC.start(),
            TIMEOUT_SEC.end()
        ))
    })
}
