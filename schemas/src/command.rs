//! Commands: requests that may be rejected, as they travel on `COMMANDS`.
//!
//! The body is one [`SandboxCommand`], in MessagePack or, when the `Content-Type` header says so, in JSON; everything
//! about its delivery stands in headers, so that a command can be published by hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::codec::{self, Undecodable};
use crate::commit::Principal;
use crate::id::{
    CommandId, Generation, HostId, KeyId, SandboxId, Sequence, SnapshotId, TemplateName, TenantId, WebhookId,
};
use crate::network::NetworkPolicy;
use crate::snapshot::Snapshot;
use crate::spec::{Resources, SandboxSpec};
use crate::tenant::{Key, Limits};
use crate::webhook::WebhookSpec;

/// Names of the headers that a command may carry beside its body.
pub mod header {
    /// The command's id; also what the server de-duplicates by. Absent: the id is made from the stream sequence.
    pub const COMMAND_ID: &str = "Nats-Msg-Id";
    /// `application/json`, or `application/msgpack`, which is also meant when the header is absent.
    pub const CONTENT_TYPE: &str = "Content-Type";
    /// Milliseconds since 1970 after which the command is rejected, never run.
    pub const DEADLINE: &str = "Roost-Deadline";
    /// The subject that gets the reply.
    pub const REPLY: &str = "Roost-Reply";
    /// Who sends it.
    pub const PRINCIPAL: &str = "Roost-Principal";
    /// The id under which a router forwards a command whose [`COMMAND_ID`] the server has already seen.
    pub const FORWARDED_ID: &str = "Roost-Command-Id";
}

/// Bytes a command's body may have; NATS itself stops at its `max_payload`.
pub const MAX_BODY: usize = 256 * 1024;

/// How a command's body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContentType {
    /// `application/msgpack`.
    #[default]
    MessagePack,
    /// `application/json`.
    Json,
}

impl ContentType {
    /// The header's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessagePack => "application/msgpack",
            Self::Json => "application/json",
        }
    }

    /// Reads the header's value, in any case; parameters such as a charset are ignored.
    pub fn parse(value: &str) -> Option<Self> {
        match value.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "application/msgpack" | "application/x-msgpack" => Some(Self::MessagePack),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A command with what its delivery adds; what `decide` gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<C> {
    /// Makes it take effect exactly once.
    pub command_id: CommandId,
    /// When it was issued.
    pub at: Timestamp,
    /// Who issued it.
    pub principal: Principal,
    /// The request.
    pub command: C,
}

/// What may be asked of a sandbox from outside its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SandboxCommand {
    /// Make one.
    Create(Create),
    /// Boot what was placed; the router sends it to the chosen host.
    Start(Start),
    /// Run a program in it.
    Exec(Exec),
    /// Change when it times out.
    SetTimeout(SetTimeout),
    /// Change what it may reach and who may reach it.
    SetNetwork(SetNetwork),
    /// Seal it as a snapshot and free what it holds.
    Pause(Pause),
    /// Let a paused one run again.
    Resume(Resume),
    /// Take a snapshot of it, and let it run on.
    Snapshot(TakeSnapshot),
    /// End it.
    Kill(Kill),
    /// Take note that its host is down; the reconciler sends it to `any`, where the router decides.
    HostDown(HostDown),
    /// Let no sandbox start from a template any more. It goes to `any`, with `templates` in a sandbox's place.
    DeleteTemplate(DeleteTemplate),
    /// Change a tenant: its limits, its keys. It goes to `any` of the tenant `system`, with `tenants` in a sandbox's place.
    Tenant(ChangeTenant),
    /// Change a webhook. It goes to `any`, with `webhooks` in a sandbox's place.
    Webhook(ChangeWebhook),
}

impl SandboxCommand {
    /// Reads a body; an empty, oversized or malformed one is [`Undecodable::Malformed`].
    pub fn decode(content: ContentType, body: &[u8]) -> Result<Self, Undecodable> {
        const WHAT: &str = "command";
        if body.len() > MAX_BODY {
            let reason = format!("a command has at most {MAX_BODY} bytes");
            return Err(Undecodable::Malformed {
                what: WHAT,
                bytes: body.len(),
                reason,
            });
        }
        match content {
            ContentType::MessagePack => codec::decode(WHAT, body),
            ContentType::Json => codec::decode_json(WHAT, body),
        }
    }

    /// The body in MessagePack.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// What it is, in the word that its `type` is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Start(_) => "start",
            Self::Exec(_) => "exec",
            Self::SetTimeout(_) => "set_timeout",
            Self::SetNetwork(_) => "set_network",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Snapshot(_) => "snapshot",
            Self::Kill(_) => "kill",
            Self::HostDown(_) => "host_down",
            Self::DeleteTemplate(_) => "delete_template",
            Self::Tenant(_) => "tenant",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// Make a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// What it is to be.
    pub spec: SandboxSpec,
    /// The sandbox it is a fork of; absent: it starts from its template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
    /// Where; the router fills it in, and overwrites what a sender put here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}

/// Of which sandbox a new one is a branch, and where it branches off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// The source, of the same tenant.
    pub sandbox: SandboxId,
    /// One of its snapshots.
    pub snapshot: SnapshotId,
}

/// The router's choice for a new sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The chosen host.
    pub host: HostId,
    /// The request with the template's values filled in.
    pub resources: Resources,
    /// What it is restored from; absent: the template's image, booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Snapshot>,
}

/// Boot what was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The placement meant; a host refuses an older one.
    pub generation: Generation,
}

/// Run a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// The program: a path, or a name looked up in the guest's `PATH`.
    pub cmd: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Where it runs; absent: the user's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables added to the sandbox's.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// As whom; absent: the template's default user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Seconds until it is killed.
    #[serde(default = "default_exec_timeout_sec")]
    pub timeout_sec: u32,
    /// Whether it has an input that can be written to; otherwise that is empty.
    #[serde(default, skip_serializing_if = "codec::is_false")]
    pub stdin: bool,
    /// A terminal of this size, which is then its input and all its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pty: Option<PtySize>,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PtySize {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

fn default_exec_timeout_sec() -> u32 {
    DEFAULT_EXEC_TIMEOUT_SEC
}

/// Seconds a program may run when its caller named no limit.
pub const DEFAULT_EXEC_TIMEOUT_SEC: u32 = 30;
/// Seconds a program may run at most: as long as a sandbox.
pub const MAX_EXEC_TIMEOUT_SEC: u32 = *crate::spec::TIMEOUT_SEC.end();

/// Change when a sandbox times out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetTimeout {
    /// Seconds from the command's own time.
    pub timeout_sec: u32,
    /// Whether a time that is later already stays.
    #[serde(default, skip_serializing_if = "codec::is_false")]
    pub extend: bool,
}

/// Change what a sandbox may reach and who may reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetNetwork {
    /// In place of the policy it has.
    pub policy: NetworkPolicy,
}

/// Seal a sandbox as a snapshot and free what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Why.
    #[serde(default)]
    pub reason: crate::event::PauseReason,
    /// For a timeout: the end of time that has come. A sandbox that has another by now is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// Let a paused sandbox run again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Seconds from then until it times out; absent: as many as it was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_sec: Option<u32>,
}

/// Take a snapshot of a sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TakeSnapshot {
    /// The template that it becomes; absent: it is kept with the sandbox, for forks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TemplateName>,
}

/// Let no sandbox start from a template any more; those that did run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteTemplate {
    /// Which.
    pub name: TemplateName,
}

/// Change a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeTenant {
    /// Which.
    pub tenant: TenantId,
    /// How.
    pub change: TenantChange,
}

/// What may be changed of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TenantChange {
    /// Let there be one, with these limits.
    Create(Limits),
    /// How much it may have.
    SetLimits(Limits),
    /// Let whoever holds a key act for it.
    CreateKey(Key),
    /// Let whoever holds a key do so no more.
    RevokeKey(KeyId),
}

/// Change a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    /// Which.
    pub webhook: WebhookId,
    /// How.
    pub change: WebhookChange,
}

/// What may be changed of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookChange {
    /// Let there be one.
    Create(WebhookSpec),
    /// Try a commit again that was put aside.
    Redeliver(Sequence),
    /// Tell nothing any more.
    Delete,
}

/// Take note that a sandbox's host is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HostDown {
    /// The placement that is lost with it.
    pub generation: Generation,
}

/// End a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Why.
    #[serde(default)]
    pub reason: crate::event::StopReason,
    /// For a timeout: the end of time that has come. A sandbox that has another by now is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}
