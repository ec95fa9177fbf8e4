//! Identifiers, each a checked string or number, so that nothing malformed can reach a subject, a path or a header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier of the named kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {kind}: use {rule}")]
pub struct InvalidId {
    /// What the text was meant to be, such as `sandbox id`.
    pub kind: &'static str,
    /// The offending text, cut to 80 characters.
    pub value: String,
    /// The rule in words.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks `text` against the rule of this identifier.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    return Ok(Self(text.into()));
                }
                Err(InvalidId { kind: $kind, value: text.chars().take(80).collect(), rule: $rule })
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
    };
}

fn sized(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
}

/// A token that is safe as one element of a NATS subject and as a file name.
fn is_token(text: &str, max: usize) -> bool {
    sized(text, max)
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && !text.starts_with(['-', '_'])
}

text_id!(
    /// A sandbox: one word, because E2B's host names `<port>-<id>.<domain>` are split at the hyphen.
    SandboxId,
    "sandbox id",
    "1 to 40 characters a-z and 0-9",
    |text| sized(text, 40) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

text_id!(
    /// A tenant: whose sandboxes these are.
    TenantId,
    "tenant id",
    "1 to 40 characters a-z, 0-9, - and _, starting with a letter or digit",
    |text| is_token(text, 40)
);

text_id!(
    /// A host: one machine that runs engines. `any` and `client` are kept for commands that name no host.
    HostId,
    "host id",
    "1 to 40 characters a-z, 0-9, - and _, starting with a letter or digit, other than \"any\" and \"client\"",
    |text| is_token(text, 40) && text != "any" && text != "client"
);

text_id!(
    /// A template: what a sandbox starts from.
    TemplateName,
    "template name",
    "1 to 63 characters a-z, 0-9, - and _, starting with a letter or digit",
    |text| is_token(text, 63)
);

text_id!(
    /// A command's own id, which makes it take effect exactly once; chosen by the sender.
    CommandId,
    "command id",
    "1 to 128 characters A-Z, a-z, 0-9 and - _ . : @",
    |text| sized(text, 128) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:@".contains(&b))
);

text_id!(
    /// One command's run inside a sandbox. Not the guest's pid, which is reused.
    ProcessId,
    "process id",
    "1 to 40 characters a-z and 0-9",
    |text| sized(text, 40) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

text_id!(
    /// A snapshot; also the name of its folder in its host's store.
    SnapshotId,
    "snapshot id",
    "1 to 40 characters a-z and 0-9",
    |text| sized(text, 40) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

text_id!(
    /// An API key: its name in the log, from which nothing can be learned of the key itself.
    KeyId,
    "key id",
    "1 to 40 characters a-z and 0-9",
    |text| sized(text, 40) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

text_id!(
    /// A webhook.
    WebhookId,
    "webhook id",
    "1 to 40 characters a-z and 0-9",
    |text| sized(text, 40) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

text_id!(
    /// One life of a host's agent, from its start to its end; see [`crate::lease`].
    LifeId,
    "life id",
    "1 to 40 characters a-z and 0-9",
    |text| sized(text, 40) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

impl LifeId {
    /// A fresh one.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }
}

/// Characters of blake3 hex kept in a derived id: 80 bits, so that a billion sandboxes meet no collision.
const DERIVED: usize = 20;

fn derived(prefix: &str, context: &'static str, parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    format!("{prefix}{}", &hasher.finalize().to_hex()[..DERIVED])
}

impl TenantId {
    /// The tenant under which hosts stand, and the templates that everybody may start from. Commands under it are the
    /// operator's.
    pub fn system() -> Self {
        Self("system".into())
    }

    /// The tenant that there is without being made.
    pub fn first() -> Self {
        Self("default".into())
    }
}

/// Before the digits of a sandbox's id that is made from a command's.
const SANDBOX: &str = "sb";

impl SandboxId {
    /// The first in the order of all that can be.
    pub fn least() -> Self {
        Self("0".into())
    }

    /// The id of the sandbox that `command` of `tenant` creates: a repeated create names the same sandbox.
    pub fn from_command(tenant: &TenantId, command: &CommandId) -> Self {
        Self(
            derived(
                SANDBOX,
                "roost 2026 sandbox id",
                &[tenant.as_str(), command.as_str()],
            )
            .into(),
        )
    }

    /// Whether it has the form of those that [`SandboxId::from_command`] makes.
    pub fn is_derived(&self) -> bool {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let digits = self.0.strip_prefix(SANDBOX);
        digits.is_some_and(|digits| digits.len() == DERIVED && digits.bytes().all(is_digit))
    }
}

impl KeyId {
    /// The id of the key that `command` makes for `tenant`.
    pub fn from_command(tenant: &TenantId, command: &CommandId) -> Self {
        let parts = [tenant.as_str(), command.as_str()];
        Self(derived("k", "roost 2026 api key id", &parts).into())
    }
}

impl WebhookId {
    /// The id of the webhook that `command` makes for `tenant`.
    pub fn from_command(tenant: &TenantId, command: &CommandId) -> Self {
        let parts = [tenant.as_str(), command.as_str()];
        Self(derived("wh", "roost 2026 webhook id", &parts).into())
    }
}

impl ProcessId {
    /// The id of the process that `command` starts in `sandbox`.
    pub fn from_command(sandbox: &SandboxId, command: &CommandId) -> Self {
        Self(
            derived(
                "p",
                "roost 2026 process id",
                &[sandbox.as_str(), command.as_str()],
            )
            .into(),
        )
    }
}

impl SnapshotId {
    /// Bytes of the longest.
    pub const MAX: usize = 40;

    /// The id of the snapshot that `command` has taken of `sandbox`: a repeated command names the same snapshot.
    pub fn from_command(sandbox: &SandboxId, command: &CommandId) -> Self {
        Self(
            derived(
                "sn",
                "roost 2026 snapshot id",
                &[sandbox.as_str(), command.as_str()],
            )
            .into(),
        )
    }

    /// The id of what `snapshot` becomes when it is written anew for the `round`-th time.
    pub fn compacted(snapshot: &Self, round: u32) -> Self {
        Self(
            derived(
                "sn",
                "roost 2026 compacted snapshot id",
                &[snapshot.as_str(), &round.to_string()],
            )
            .into(),
        )
    }

    /// The id of the snapshot of a booted template on one host: whatever it was made from is in `parts`, so that another
    /// image, kernel, engine or processor has another.
    pub fn of_boot(parts: &[&str]) -> Self {
        Self(derived("boot", "roost 2026 boot snapshot id", parts).into())
    }
}

/// How the id of a host's report begins.
const REPORT: char = '@';
/// How the id of a command that Roost itself queues begins.
const SYSTEM: char = ':';

impl CommandId {
    /// A fresh, time-ordered id (UUID version 7).
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }

    /// The id of a command that Roost itself queues about `sandbox` at `generation`, such as a router's start.
    pub fn system(sandbox: &SandboxId, generation: Generation, fact: &str) -> Self {
        Self::fact(SYSTEM, sandbox, generation, fact)
    }

    /// The id of what a host reports about `sandbox` at `generation`: the same fact has the same id, however often told.
    /// A fact that would not fit into an id is hashed, because an id that breaks the rule would stop every reader.
    pub fn report(sandbox: &SandboxId, generation: Generation, fact: &str) -> Self {
        Self::fact(REPORT, sandbox, generation, fact)
    }

    /// The id of a fact about one life of the agent of `host`.
    pub fn of_host(host: &HostId, life: &LifeId, fact: &str) -> Self {
        Self::new(format!("{REPORT}{host}.{life}.{fact}"))
            .expect("1 + 40 + 1 + 40 + 1 bytes and a short word fit")
    }

    /// Whether it is a host's own report, which never comes by the queue.
    pub fn is_report(&self) -> bool {
        self.0.starts_with(REPORT)
    }

    /// Whether only Roost itself gives such ids: a client that could would make its facts seem told already.
    pub fn is_reserved(&self) -> bool {
        self.is_report() || self.0.starts_with(SYSTEM)
    }

    fn fact(kind: char, sandbox: &SandboxId, generation: Generation, fact: &str) -> Self {
        let id = |fact: &str| Self::new(format!("{kind}{sandbox}.{generation}.{fact}"));
        id(fact)
            .or_else(|_| id(&derived("fact-", "roost 2026 reported fact", &[fact])))
            .expect("1 + 40 + 1 + 20 + 1 + 25 bytes of an id's characters fit")
    }
}

/// A fencing number: every placement of a sandbox raises it, and hosts refuse an older one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in the `EVENTS` stream; the first message has 1, and 0 stands before all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which incarnation of a sandbox a step belongs to; every resource on a host is stamped with one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "asyncapi", derive(schemars::JsonSchema))]
pub struct Owner {
    /// The sandbox.
    pub sandbox: SandboxId,
    /// Its placement.
    pub generation: Generation,
}

impl Owner {
    /// Reads what [`Owner`] displays as, with `separator` in the place of the dot; nothing if it is not one.
    pub fn parse(text: &str, separator: char) -> Option<Self> {
        let (sandbox, generation) = text.split_once(separator)?;
        Some(Self {
            sandbox: SandboxId::new(sandbox).ok()?,
            generation: Generation(generation.parse().ok()?),
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sandbox, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_escape_its_subject_or_path_is_refused() {
        for bad in [
            "",
            "a.b",
            "a b",
            "A",
            "*",
            ">",
            "../x",
            "a/b",
            "é",
            "sb_1",
            &"a".repeat(41),
        ] {
            let error = SandboxId::new(bad).unwrap_err();
            assert!(error.to_string().contains("sandbox id"), "{error}");
        }
        assert!(HostId::new("any").is_err());
        assert!(TemplateName::new("-x").is_err());
        assert!(CommandId::new("a\r\nNats-Msg-Id: b").is_err());
    }

    #[test]
    fn a_derived_id_is_stable_and_keeps_tenants_apart() {
        let command = CommandId::new("k1").unwrap();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let id = SandboxId::from_command(&a, &command);
        assert_eq!(id, SandboxId::from_command(&a, &command));
        assert_ne!(id, SandboxId::from_command(&b, &command));
        assert_eq!(SandboxId::new(id.as_str()), Ok(id));
    }

    #[test]
    fn serde_checks_what_it_reads() {
        assert!(serde_json::from_str::<SandboxId>("\"no/good\"").is_err());
        assert_eq!(serde_json::from_str::<Generation>("3").unwrap(), Generation(3));
    }
}
