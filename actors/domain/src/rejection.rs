//! Why a command was not accepted: always the caller's fault, never ours.

use roost_schemas::reply::{Code, Rejected};
use roost_schemas::{CommandId, Generation, HostId, KeyId, SandboxId, SnapshotId};

/// Characters of an offending value that are shown.
const MAX_SHOWN: usize = 80;

/// The reason, in words that tell the caller what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is nothing by that name.
    #[error("there is no {what} {id:?}{hint}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// The name given.
        id: String,
        /// What could be meant, or nothing.
        hint: String,
    },
    /// Somebody says that a host is down which is not.
    #[error("host {0} is not down; nothing on it is given up")]
    HostUp(HostId),
    /// The log has nothing of the sandbox.
    #[error("there is no such sandbox; {command} needs one to be created first")]
    Absent {
        /// What was asked.
        command: &'static str,
    },
    /// The thing exists, but is not in a state that allows this.
    #[error("the sandbox is {state}; {command} needs it to be {needs}")]
    InvalidState {
        /// Its state.
        state: &'static str,
        /// What was asked.
        command: &'static str,
        /// The states that allow it.
        needs: &'static str,
    },
    /// A value makes no sense.
    #[error("{field} is {value}: {rule}")]
    Invalid {
        /// Where it stands in the request.
        field: &'static str,
        /// The value, cut to a readable length.
        value: String,
        /// What is allowed.
        rule: String,
    },
    /// The id is taken by another command's sandbox.
    #[error("a sandbox of this id exists already; choose another id or repeat the command under its own id")]
    AlreadyExists,
    /// The command's id made this snapshot before.
    #[error("snapshot {0} was made by a command of this id before; send the command under another id")]
    SnapshotExists(SnapshotId),
    /// What a paused sandbox is paused as becomes one template at a time.
    #[error("this snapshot is being saved as another template; ask again when that is there")]
    BeingSaved,
    /// The template's name is taken.
    #[error("a template of this name exists already; delete it first, or choose another name")]
    TemplateExists,
    /// The template is not a snapshot.
    #[error(
        "the template is an image that its hosts bring; only templates made from sandboxes can be deleted"
    )]
    TemplateIsImage,
    /// The command is meant for an older placement.
    #[error("generation {given} is not the current one, {current}; look the sandbox up again")]
    StaleGeneration {
        /// The command's.
        given: Generation,
        /// The sandbox's.
        current: Generation,
    },
    /// The sandbox stands on another host.
    #[error("the sandbox is placed on host {owner:?}, not on {asked:?}; send the command to \"any\"")]
    NotHere {
        /// Its host.
        owner: String,
        /// Who was asked.
        asked: String,
    },
    /// There is no room for it.
    #[error(
        "no host has room for {vcpus} vCPUs and {memory_mb} MiB ({hosts} hosts looked at); end a sandbox or try again later"
    )]
    NoCapacity {
        /// vCPUs asked for.
        vcpus: u32,
        /// MiB asked for.
        memory_mb: u32,
        /// Hosts considered.
        hosts: usize,
    },
    /// Its tenant would have more than it may.
    #[error(
        "the tenant's limit of {what} is {limit}: it has {used} and this would add {added}; end what is not needed, or have \
         the limit raised"
    )]
    LimitExceeded {
        /// Of what, as [`roost_schemas::tenant::Limits`] names it.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What it has.
        used: u64,
        /// What this would add.
        added: u64,
    },
    /// Its tenant has sent as many in this second as it may.
    #[error(
        "the tenant's limit of requests_per_sec is {limit}, and it has sent as many: send fewer, or have the limit raised"
    )]
    TooFast {
        /// The limit.
        limit: u32,
    },
    /// Only an operator may ask for this.
    #[error("{0} is for operators alone")]
    Forbidden(&'static str),
    /// There is no such tenant.
    #[error("there is no such tenant; create it first")]
    NoTenant,
    /// The tenant exists, with other limits.
    #[error(
        "a tenant of this id exists already, with other limits; set its limits instead, or choose another id"
    )]
    TenantExists,
    /// The key's id is taken.
    #[error("key {0} exists already; send the command under another id")]
    KeyExists(KeyId),
    /// There is no such webhook.
    #[error("there is no such webhook; create it first")]
    NoWebhook,
    /// The webhook's id is taken.
    #[error("a webhook of this id exists already; send the command under another id")]
    WebhookExists,
    /// A bound on what may be held is reached.
    #[error("there are {limit} {what} already; wait for one to end")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// It came too late to be of use.
    #[error(
        "the command's deadline passed {late_ms} ms before it could be run; send it again with a new one"
    )]
    DeadlinePassed {
        /// How late it was, in milliseconds.
        late_ms: u64,
    },
    /// The id is one that only a host's reports have.
    #[error("command id {0:?} begins with @, which is kept for what hosts report; choose another")]
    ReservedId(CommandId),
    /// The sandbox's id is of a form that is not for choosing.
    #[error(
        "sandbox id {0:?} has the form of those that are made from a command's id; choose one of another form"
    )]
    DerivedId(SandboxId),
    /// The body of the command could not be read.
    #[error("{0}")]
    Unreadable(#[from] roost_schemas::codec::Undecodable),
}

impl Rejection {
    /// An [`Rejection::Invalid`], with a value of any length.
    pub(crate) fn invalid(field: &'static str, value: impl std::fmt::Debug, rule: impl Into<String>) -> Self {
        let mut value = format!("{value:?}");
        if let Some((cut, _)) = value.char_indices().nth(MAX_SHOWN) {
            value.truncate(cut);
            value.push('…');
        }
        Self::Invalid {
            field,
            value,
            rule: rule.into(),
        }
    }

    /// The word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } | Self::Absent { .. } | Self::NoTenant | Self::NoWebhook => Code::NotFound,
            Self::InvalidState { .. }
            | Self::StaleGeneration { .. }
            | Self::NotHere { .. }
            | Self::BeingSaved
            | Self::HostUp(_)
            | Self::TemplateIsImage
            | Self::TooMany { .. } => Code::InvalidState,
            Self::Invalid { .. } | Self::ReservedId(_) | Self::DerivedId(_) | Self::Unreadable(_) => {
                Code::InvalidRequest
            }
            Self::AlreadyExists
            | Self::SnapshotExists(_)
            | Self::TemplateExists
            | Self::TenantExists
            | Self::KeyExists(_)
            | Self::WebhookExists => Code::Conflict,
            Self::LimitExceeded { .. } | Self::TooFast { .. } => Code::LimitExceeded,
            Self::Forbidden(_) => Code::Forbidden,
            Self::NoCapacity { .. } => Code::NoCapacity,
            Self::DeadlinePassed { .. } => Code::DeadlineExceeded,
        }
    }
}

impl From<Rejection> for Rejected {
    fn from(rejection: Rejection) -> Self {
        Self {
            code: rejection.code(),
            message: rejection.to_string(),
        }
    }
}
