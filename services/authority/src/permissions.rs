//! What each role may publish and listen to, as it was found by running them.
//!
//! A consumer's and a read's subjects name their stream, so that a role reads the streams it needs and no other; a host's
//! consumer is named for it and filters by its name, so that it takes its own commands and nobody else's.

use roost_schemas::{HostId, TenantId};

use crate::member::{Member, Role, User};

/// All four, which every process looks at when it connects.
const STREAMS: [&str; 4] = ["EVENTS", "COMMANDS", "OUTPUT", "LEASES"];
/// Whether the server syncs before it acknowledges (see the journal's `fitness`).
const SYNCS: &str = "$SYS.REQ.SERVER.*.VARZ";

/// What a user may do; `>` for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub(crate) publish: Vec<String>,
    pub(crate) subscribe: Vec<String>,
    /// Whether it may answer each request that it gets, once.
    pub(crate) answers: bool,
}

/// What `user` may do; `users` are all there are.
pub(crate) fn of(user: &User, users: &[User]) -> Permissions {
    let mut subscribe: Vec<_> = user.inboxes().collect();
    let mut answers = false;
    let publish = match &user.member {
        Member::Host(host) => with_basics([this_host(host), inboxes(users)].concat()),
        Member::Tenant(tenant) => return tenants(tenant),
        Member::Other(role, _) => match role {
            Role::Gateway => {
                subscribe.push("roost.read.*".to_owned());
                answers = true;
                with_basics([reads("EVENTS"), reads("OUTPUT"), texts(&["roost.cmd.*.*.*"])].concat())
            }
            Role::Reconciler => with_basics([reconciler(), inboxes(users)].concat()),
            Role::Webhooks => with_basics(webhooks()),
            _ => return everything(),
        },
    };
    Permissions {
        publish,
        subscribe,
        answers,
    }
}

fn everything() -> Permissions {
    Permissions {
        publish: texts(&[">"]),
        subscribe: texts(&[">"]),
        answers: false,
    }
}

/// A tenant's user, in the tenant's account: what the account imports, and nothing that would lead nowhere.
fn tenants(tenant: &TenantId) -> Permissions {
    Permissions {
        publish: vec![
            format!("roost.cmd.{tenant}.any.*"),
            format!("roost.read.{tenant}"),
        ],
        subscribe: vec![
            format!("roost.evt.{tenant}.>"),
            format!("roost.reply.{tenant}.>"),
            "_INBOX.>".to_owned(),
        ],
        answers: false,
    }
}

/// Itself, and what is on it. Which sandboxes those are stands in the log and not in a subject.
fn this_host(host: &HostId) -> Vec<String> {
    let mut all = vec![
        "roost.evt.*.sandbox.*".to_owned(),
        "roost.evt.*.template.*".to_owned(),
        format!("roost.evt.system.host.{host}"),
        "roost.out.*.*.*".to_owned(),
        format!("roost.lease.{host}"),
        "$JS.API.DIRECT.GET.LEASES".to_owned(),
        format!("$JS.API.CONSUMER.DELETE.COMMANDS.host-{host}"),
    ];
    all.extend(takes(&format!("host-{host}"), &format!("roost.cmd.*.{host}.*")));
    all.extend(reads("EVENTS"));
    all.extend(reads("OUTPUT"));
    all
}

fn reconciler() -> Vec<String> {
    let mut all = texts(&[
        "roost.evt.*.*.*",
        "roost.cmd.*.*.*",
        "roost.lease.*",
        "$JS.API.DIRECT.GET.LEASES",
        "$JS.API.STREAM.UPDATE.EVENTS",
    ]);
    all.extend(STREAMS.map(|stream| format!("$JS.API.STREAM.CREATE.{stream}")));
    all.extend(takes("router", "roost.cmd.*.any.*"));
    all.extend(takes("router-client", "roost.cmd.*.client.*"));
    all.extend(reads("EVENTS"));
    all
}

/// Its feeds are durable consumers of its own making, one a webhook.
fn webhooks() -> Vec<String> {
    let mut all = texts(&[
        "roost.evt.*.webhook.*",
        "$JS.API.CONSUMER.CREATE.EVENTS.*.roost.evt.>",
        "$JS.API.CONSUMER.NAMES.EVENTS",
        "$JS.API.CONSUMER.INFO.EVENTS.*",
        "$JS.API.CONSUMER.DELETE.EVENTS.*",
        "$JS.API.CONSUMER.MSG.NEXT.EVENTS.*",
        "$JS.ACK.EVENTS.>",
        "$JS.ACK.*.*.EVENTS.>",
    ]);
    all.extend(reads("EVENTS"));
    all
}

/// What every process of ours asks when it connects.
fn with_basics(more: Vec<String>) -> Vec<String> {
    let mut all = texts(&[SYNCS]);
    all.extend(STREAMS.map(|stream| format!("$JS.API.STREAM.INFO.{stream}")));
    all.extend(more);
    all
}

/// Following a stream, and looking up in it.
fn reads(stream: &str) -> Vec<String> {
    vec![
        format!("$JS.API.CONSUMER.CREATE.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}"),
        format!("$JS.API.STREAM.MSG.GET.{stream}"),
        format!("$JS.FC.{stream}.>"),
    ]
}

/// Taking commands by the consumer `name`, and settling them. The client asks for the consumer's state whenever the
/// connection is a new one, and takes nothing until it is told. A server that is told to names its domain and the account
/// before the stream.
fn takes(name: &str, filter: &str) -> Vec<String> {
    vec![
        format!("$JS.API.CONSUMER.CREATE.COMMANDS.{name}.{filter}"),
        format!("$JS.API.CONSUMER.INFO.COMMANDS.{name}"),
        format!("$JS.API.CONSUMER.MSG.NEXT.COMMANDS.{name}"),
        format!("$JS.ACK.COMMANDS.{name}.>"),
        format!("$JS.ACK.*.*.COMMANDS.{name}.>"),
    ]
}

/// Where those wait who may send commands: the inboxes of gateways and operators, and what tenants name.
fn inboxes(users: &[User]) -> Vec<String> {
    let senders = users
        .iter()
        .filter(|user| matches!(user.member.role(), Role::Gateway | Role::Operator));
    let mut all: Vec<String> = senders.flat_map(User::inboxes).collect();
    all.push("roost.reply.>".to_owned());
    all
}

fn texts(subjects: &[&str]) -> Vec<String> {
    subjects.iter().map(|subject| (*subject).to_owned()).collect()
}
