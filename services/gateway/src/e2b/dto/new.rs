//! E2B's `NewSandbox`, and the request that it stands for.

use std::collections::BTreeMap;

use roost_schemas::spec::{OnHostDown, OnTimeout, SandboxSpec, TIMEOUT_SEC};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::network::NewNetwork;
use super::template::name;
use crate::error::ApiError;

/// A request for a sandbox. `secure` is not read: every sandbox is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::e2b) struct NewSandbox {
    #[serde(rename = "templateID")]
    template_id: String,
    #[serde(default)]
    timeout: Option<i64>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    env_vars: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "allow_internet_access")]
    allow_internet_access: Option<bool>,
    #[serde(default)]
    network: Option<NewNetwork>,
    #[serde(default)]
    auto_pause: Option<bool>,
    #[serde(default)]
    auto_pause_memory: Option<bool>,
    #[serde(default)]
    auto_resume: Option<AutoResume>,
    #[serde(default)]
    mcp: Option<IgnoredAny>,
    #[serde(default)]
    iam: Option<Iam>,
    #[serde(default)]
    volume_mounts: Option<Vec<IgnoredAny>>,
}

#[derive(Debug, Deserialize)]
struct AutoResume {
    enabled: bool,
}

#[derive(Debug, Deserialize)]
struct Iam {
    #[serde(default)]
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
