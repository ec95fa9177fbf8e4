//! The parts that somebody can have on NATS.

use std::fmt;
use std::str::FromStr;

use roost_schemas::id::InvalidId;
use roost_schemas::{HostId, TenantId};
use serde::{Deserialize, Serialize};

/// What somebody is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A host's agent; its name is the host's id.
    Host,
    /// A gateway.
    Gateway,
    /// A reconciler, which routes commands and makes the streams.
    Reconciler,
    /// What delivers webhooks.
    Webhooks,
    /// Somebody who looks after Roost; may do everything.
    Operator,
    /// A tenant's own programs; its name is the tenant's id.
    Tenant,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Host,
        Self::Gateway,
        Self::Reconciler,
        Self::Webhooks,
        Self::Operator,
        Self::Tenant,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Gateway => "gateway",
            Self::Reconciler => "reconciler",
            Self::Webhooks => "webhooks",
            Self::Operator => "operator",
            Self::Tenant => "tenant",
        }
    }
}

impl FromStr for Role {
    type Err = InvalidMember;

    fn from_str(text: &str) -> Result<Self, InvalidMember> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| InvalidMember::Role(text.to_owned()))
    }
}

/// Why nobody can be this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMember {
    /// There is no such role.
    #[error("{0:?} is not a role: use host, gateway, reconciler, webhooks, operator or tenant")]
    Role(String),
    /// A host or a tenant without a name.
    #[error("a {0} has a name: its id")]
    Nameless(&'static str),
    /// The tenant of Roost itself.
    #[error("the tenant {0:?} is Roost's own: nobody acts for it but an operator")]
    System(TenantId),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] InvalidId),
}

/// Somebody: a role, and which of those that have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub enum Member {
    /// See [`Role::Host`].
    Host(HostId),
    /// See [`Role::Tenant`].
    Tenant(TenantId),
    /// One of another role, by name.
    Other(Role, String),
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    role: Role,
    name: String,
}

impl Member {
    /// The one with this name; without one it is its role's first, which is called as the role is.
    pub fn new(role: Role, name: Option<&str>) -> Result<Self, InvalidMember> {
        let named = || name.ok_or(InvalidMember::Nameless(role.as_str()));
        match role {
            Role::Host => Ok(Self::Host(HostId::new(named()?)?)),
            Role::Tenant => {
                let tenant = TenantId::new(named()?)?;
                if tenant == TenantId::system() {
                    return Err(InvalidMember::System(tenant));
                }
                Ok(Self::Tenant(tenant))
            }
            role => {
                // The rule of a host's id is one for names in files and configurations, too.
                let name = HostId::new(name.unwrap_or(role.as_str()))?;
                Ok(Self::Other(role, name.to_string()))
            }
        }
    }

    /// What it is there for.
    pub fn role(&self) -> Role {
        match self {
            Self::Host(_) => Role::Host,
            Self::Tenant(_) => Role::Tenant,
            Self::Other(role, _) => *role,
        }
    }

    /// Which it is.
    pub fn name(&self) -> &str {
        match self {
            Self::Host(host) => host.as_str(),
            Self::Tenant(tenant) => tenant.as_str(),
            Self::Other(_, name) => name,
        }
    }

    /// The file that has its seed.
    pub fn file(&self) -> String {
        match (self.role().as_str(), self.name()) {
            (role, name) if role == name => format!("{role}.nk"),
            (role, name) => format!("{role}-{name}.nk"),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role().as_str(), self.name())
    }
}

impl TryFrom<Plain> for Member {
    type Error = InvalidMember;

    fn try_from(Plain { role, name }: Plain) -> Result<Self, InvalidMember> {
        Self::new(role, Some(&name))
    }
}

impl From<Member> for Plain {
    fn from(member: Member) -> Self {
        Self {
            role: member.role(),
            name: member.name().to_owned(),
        }
    }
}

/// A member with the key that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    #[serde(flatten)]
    pub member: Member,
    /// The public key of its nkey.
    pub public: String,
    /// Those it had before, the latest last. They let nobody in; but a process that began with one, and goes on with new
    /// credentials, still awaits its answers where it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
}

/// Former keys that are kept: a process is expected to begin anew before its credentials have been renewed more often.
const FORMER: usize = 8;

impl User {
    /// A member that has had no other key.
    pub(crate) fn new(member: Member, public: String) -> Self {
        Self {
            member,
            public,
            former: Vec::new(),
        }
    }

    /// The same member with a new key.
    #[must_use]
    pub(crate) fn renewed(self, public: String) -> Self {
        let Self {
            member,
            mut former,
            public: last,
        } = self;
        former.push(last);
        former.drain(..former.len().saturating_sub(FORMER));
        Self {
            member,
            public,
            former,
        }
    }

    /// All keys that it has or had.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.former.iter().chain([&self.public])
    }

    /// Where answers to it arrive, and nobody else's: wildcard subjects.
    pub fn inboxes(&self) -> impl Iterator<Item = String> {
        self.keys().map(|key| format!("_INBOX.{key}.>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ids_and_files_are_told_apart() {
        let file = |role, name| Member::new(role, name).unwrap().file();
        assert_eq!(file(Role::Gateway, None), "gateway.nk");
        assert_eq!(file(Role::Gateway, Some("g2")), "gateway-g2.nk");
        assert_eq!(file(Role::Host, Some("h1")), "host-h1.nk");
        assert_eq!(file(Role::Tenant, Some("acme")), "tenant-acme.nk");
    }

    #[test]
    fn who_cannot_be_is_refused_with_the_rule() {
        for (role, name, says) in [
            (Role::Host, None, "has a name"),
            (Role::Host, Some("any"), "other than"),
            (Role::Tenant, Some("../x"), "tenant id"),
            (Role::Tenant, Some("system"), "Roost's own"),
            (Role::Gateway, Some("a\" } "), "use 1 to 40"),
        ] {
            let refused = Member::new(role, name).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        assert!(
            "root"
                .parse::<Role>()
                .unwrap_err()
                .to_string()
                .contains("operator")
        );
    }
}
