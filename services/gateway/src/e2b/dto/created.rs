//! E2B's `Sandbox`: what a client needs to speak to one.

use roost_domain::sandbox::Sandbox;
use roost_schemas::SandboxId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::e2b::ENVD_VERSION;
use crate::state::Gateway;

/// The answer to a create and to a connect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = E2bSandbox)]
pub(in crate::e2b) struct Created {
    #[serde(rename = "templateID")]
    #[schema(example = "base")]
    template_id: String,
    /// Of the template, whose only name it is here.
    alias: String,
    #[serde(rename = "sandboxID")]
    #[schema(pattern = "^[a-z0-9]{1,40}$", example = "k3v9q0c2m1x7")]
    sandbox_id: String,
    /// The host; clients need the field, and only that.
    #[serde(rename = "clientID")]
    client_id: String,
    /// The version that the agent speaks as.
    #[schema(example = "0.6.13")]
    envd_version: &'static str,
    /// For the agent; every sandbox has one.
    envd_access_token: String,
    /// For its ports, if they are not public.
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic_access_token: Option<String>,
    /// Below which its ports are reached, as `<port>-<sandboxID>.<domain>`.
    domain: String,
}

impl Created {
    /// Of a sandbox that was placed.
    pub(in crate::e2b) fn of(gateway: &Gateway, id: &SandboxId, sandbox: &Sandbox) -> Option<Self> {
        let template = &sandbox.requested.as_ref()?.spec.template;
        let tokens = gateway.tokens();
        Some(Self {
            template_id: template.to_string(),
            alias: template.to_string(),
            sandbox_id: id.to_string(),
            client_id: sandbox.placed.as_ref()?.host.to_string(),
            envd_version: ENVD_VERSION,
            envd_access_token: tokens.access(id),
            traffic_access_token: (!sandbox.network.public).then(|| tokens.traffic(id)),
            domain: gateway.domain().to_owned(),
        })
    }
}
