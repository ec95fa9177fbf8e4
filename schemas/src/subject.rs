//! NATS subjects, built and parsed here and nowhere else.
//!
//! ```text
//! roost.evt.<tenant>.<aggregate>.<id>          stream EVENTS
//! roost.live.<tenant>.<aggregate>.<id>         what EVENTS has stored, as it does; kept nowhere
//! roost.cmd.<tenant>.<host|any|client>.<sandbox>      stream COMMANDS
//! roost.out.<tenant>.<sandbox>.<process>       stream OUTPUT
//! roost.lease.<host>                           stream LEASES (see `lease`)
//! roost.read.<tenant>                          asks a gateway for a page of events
//! roost.reply.<tenant>.>                       answers to the commands of a tenant's own clients
//! ```

use std::fmt;
use std::str::FromStr;

use crate::id::{HostId, InvalidId, ProcessId, SandboxId, TemplateName, TenantId, WebhookId};

/// Every event of every tenant.
pub const ALL_EVENTS: &str = "roost.evt.>";
/// Every event of every tenant, told once it is stored: `roost.evt.a.b` on `roost.live.a.b`.
pub const ALL_LIVE: &str = "roost.live.>";
/// Every command of every tenant.
pub const ALL_COMMANDS: &str = "roost.cmd.>";
/// The output of every process of every tenant.
pub const ALL_OUTPUT: &str = "roost.out.>";

/// Why a text is not one of our subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    /// The tokens are not those of the expected form.
    #[error("{subject:?} is not a subject of the form {form}")]
    Form {
        /// The text.
        subject: String,
        /// The expected form.
        form: &'static str,
    },
    /// A token is not the identifier that its place demands.
    #[error("in subject {subject:?}: {source}")]
    Id {
        /// The text.
        subject: String,
        /// What is wrong with the token.
        #[source]
        source: InvalidId,
    },
}

impl InvalidSubject {
    fn form(subject: &str, form: &'static str) -> Self {
        Self::Form {
            subject: subject.to_owned(),
            form,
        }
    }

    fn id(subject: &str) -> impl FnOnce(InvalidId) -> Self {
        let subject = subject.to_owned();
        move |source| Self::Id { subject, source }
    }
}

/// What a commit belongs to: the fold of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AggregateId {
    /// A sandbox.
    Sandbox(SandboxId),
    /// A template.
    Template(TemplateName),
    /// A host.
    Host(HostId),
    /// The tenant of the subject itself, whose id stands in both places.
    Tenant(TenantId),
    /// A webhook.
    Webhook(WebhookId),
}

impl AggregateId {
    fn kind(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => "sandbox",
            Self::Template(_) => "template",
            Self::Host(_) => "host",
            Self::Tenant(_) => "tenant",
            Self::Webhook(_) => "webhook",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Sandbox(id) => id.as_str(),
            Self::Template(id) => id.as_str(),
            Self::Host(id) => id.as_str(),
            Self::Tenant(id) => id.as_str(),
            Self::Webhook(id) => id.as_str(),
        }
    }
}

/// Where an aggregate's commits stand in `EVENTS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventSubject {
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is about.
    pub aggregate: AggregateId,
}

impl EventSubject {
    const FORM: &'static str = "roost.evt.<tenant>.<sandbox|template|host|tenant|webhook>.<id>";

    /// The subject of a tenant.
    pub fn tenant(tenant: TenantId) -> Self {
        let aggregate = AggregateId::Tenant(tenant.clone());
        Self { tenant, aggregate }
    }

    /// The subject of a webhook.
    pub fn webhook(tenant: TenantId, id: WebhookId) -> Self {
        let aggregate = AggregateId::Webhook(id);
        Self { tenant, aggregate }
    }

    /// The subject of a sandbox.
    pub fn sandbox(tenant: TenantId, id: SandboxId) -> Self {
        Self {
            tenant,
            aggregate: AggregateId::Sandbox(id),
        }
    }
}

impl fmt::Display for EventSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "roost.evt.{}.{}.{}",
            self.tenant,
            self.aggregate.kind(),
            self.aggregate.id()
        )
    }
}

impl FromStr for EventSubject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let [tenant, kind, id] = tokens(text, "evt").ok_or_else(|| InvalidSubject::form(text, Self::FORM))?;
        let aggregate = match kind {
            "sandbox" => SandboxId::new(id).map(AggregateId::Sandbox),
            "template" => TemplateName::new(id).map(AggregateId::Template),
            "host" => HostId::new(id).map(AggregateId::Host),
            // Only its own: a tenant's facts never stand under another.
            "tenant" if id == tenant => TenantId::new(id).map(AggregateId::Tenant),
            "webhook" => WebhookId::new(id).map(AggregateId::Webhook),
            _ => return Err(InvalidSubject::form(text, Self::FORM)),
        };
        Ok(Self {
            tenant: TenantId::new(tenant).map_err(InvalidSubject::id(text))?,
            aggregate: aggregate.map_err(InvalidSubject::id(text))?,
        })
    }
}

/// Which events a reader follows; displays as a NATS filter subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFilter {
    /// Everything.
    All,
    /// One tenant's.
    Tenant(TenantId),
    /// Those of one tenant's sandboxes.
    Sandboxes(TenantId),
    /// One aggregate's.
    One(EventSubject),
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL_EVENTS),
            Self::Tenant(tenant) => write!(f, "roost.evt.{tenant}.>"),
            Self::Sandboxes(tenant) => write!(f, "roost.evt.{tenant}.sandbox.*"),
            Self::One(subject) => subject.fmt(f),
        }
    }
}

impl EventFilter {
    /// Whether this filter lets `subject` through.
    pub fn admits(&self, subject: &EventSubject) -> bool {
        match self {
            Self::All => true,
            Self::Tenant(tenant) => subject.tenant == *tenant,
            Self::Sandboxes(tenant) => {
                subject.tenant == *tenant && matches!(subject.aggregate, AggregateId::Sandbox(_))
            }
            Self::One(one) => subject == one,
        }
    }
}

/// Who is to take a command: a host, or whoever routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// The router places or forwards it.
    Any,
    /// The same, from outside: where nats-server puts what a tenant's own client sends to `any`. Nothing that it says of
    /// itself is believed but its tenant.
    Client,
    /// This host's own queue.
    Host(HostId),
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Client => f.write_str("client"),
            Self::Host(host) => host.fmt(f),
        }
    }
}

impl Route {
    /// The filter subject of the consumer that serves this route, for every tenant.
    pub fn filter(&self) -> String {
        format!("roost.cmd.*.{self}.*")
    }
}

/// Where a command waits in `COMMANDS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandSubject {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who is to take it.
    pub route: Route,
    /// The sandbox it is about.
    pub sandbox: SandboxId,
}

impl CommandSubject {
    const FORM: &'static str = "roost.cmd.<tenant>.<host|any|client>.<sandbox>";
}

impl fmt::Display for CommandSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "roost.cmd.{}.{}.{}", self.tenant, self.route, self.sandbox)
    }
}

impl FromStr for CommandSubject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let [tenant, route, sandbox] =
            tokens(text, "cmd").ok_or_else(|| InvalidSubject::form(text, Self::FORM))?;
        let route = match route {
            "any" => Route::Any,
            "client" => Route::Client,
            host => Route::Host(HostId::new(host).map_err(InvalidSubject::id(text))?),
        };
        Ok(Self {
            tenant: TenantId::new(tenant).map_err(InvalidSubject::id(text))?,
            route,
            sandbox: SandboxId::new(sandbox).map_err(InvalidSubject::id(text))?,
        })
    }
}

/// Where a process's output stands in `OUTPUT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutputSubject {
    /// Whose it is.
    pub tenant: TenantId,
    /// The sandbox it runs in.
    pub sandbox: SandboxId,
    /// The process.
    pub process: ProcessId,
}

impl OutputSubject {
    const FORM: &'static str = "roost.out.<tenant>.<sandbox>.<process>";
}

impl fmt::Display for OutputSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "roost.out.{}.{}.{}", self.tenant, self.sandbox, self.process)
    }
}

impl FromStr for OutputSubject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let [tenant, sandbox, process] =
            tokens(text, "out").ok_or_else(|| InvalidSubject::form(text, Self::FORM))?;
        Ok(Self {
            tenant: TenantId::new(tenant).map_err(InvalidSubject::id(text))?,
            sandbox: SandboxId::new(sandbox).map_err(InvalidSubject::id(text))?,
            process: ProcessId::new(process).map_err(InvalidSubject::id(text))?,
        })
    }
}

/// The three tokens behind `roost.<class>.`, or nothing if the text has another shape.
fn tokens<'a>(text: &'a str, class: &str) -> Option<[&'a str; 3]> {
    let mut tokens = text
        .strip_prefix("roost.")?
        .strip_prefix(class)?
        .strip_prefix('.')?
        .split('.');
    let three = [tokens.next()?, tokens.next()?, tokens.next()?];
    tokens.next().is_none().then_some(three)
}
