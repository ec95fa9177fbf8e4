//! `authority.conf`: what nats-server is told of users and tenants.
//!
//! ```text
//!   tenant's account                                   ROOST
//!   publish roost.cmd.<t>.any.*      ── service ──▶    roost.cmd.<t>.client.*   (COMMANDS)
//!   request roost.read.<t>           ── service ──▶    roost.read.<t>           (a gateway)
//!   roost.evt.<t>.>                  ◀── stream ──     roost.live.<t>.>         (what EVENTS has stored)
//!   roost.reply.<t>.>                ◀── stream ──     roost.reply.<t>.>        (answers to commands)
//! ```

use roost_schemas::TenantId;

use crate::member::{Member, User};
use crate::permissions::{self, Permissions};

/// Connections that a tenant's programs may have, so that one tenant cannot use up the server's.
const TENANT_CONNECTIONS: u32 = 64;
/// Subscriptions that a tenant may have: each costs the server memory, and each message a look.
const TENANT_SUBSCRIPTIONS: u32 = 1024;

/// The file for `users`. The same users make the same file.
pub fn render(users: &[User]) -> String {
    let mut users = users.to_vec();
    users.sort_by(|a, b| a.member.cmp(&b.member));
    let tenants: Vec<(&TenantId, &User)> = users
        .iter()
        .filter_map(|user| match &user.member {
            Member::Tenant(tenant) => Some((tenant, user)),
            _ => None,
        })
        .collect();
    let ours = users
        .iter()
        .filter(|user| !matches!(user.member, Member::Tenant(_)));
    let mut text = String::from(HEAD);
    text.push_str("  ROOST {\n    jetstream: enabled\n    users: [\n");
    for user in ours {
        text.push_str(&entry(user, &users));
    }
    text.push_str("    ]\n    imports: [ { service: { account: SYS, subject: \"$SYS.REQ.SERVER.*.VARZ\" } } ]\n    exports: [\n");
    for (tenant, _) in &tenants {
        text.push_str(&exports(tenant));
    }
    text.push_str("    ]\n  }\n");
    for (tenant, user) in &tenants {
        text.push_str(&account(tenant, &entry(user, &users)));
    }
    text.push_str("}\nsystem_account: SYS\n");
    text
}

const HEAD: &str = "\
# Who may do what. Written by `roost nats creds`, which writes it anew: change authority.json by that command only.

accounts {
  SYS {
    # (checked) How a Roost process learns whether the server it is connected to syncs. Read-only.
    exports: [ { service: \"$SYS.REQ.SERVER.*.VARZ\", accounts: [ROOST] } ]
  }
";

/// A name that cannot be mistaken for one of ours: a tenant may well be called `sys`.
fn account_name(tenant: &TenantId) -> String {
    format!("\"tenant/{tenant}\"")
}

fn entry(user: &User, users: &[User]) -> String {
    let Permissions {
        publish,
        subscribe,
        answers,
    } = permissions::of(user, users);
    // A gateway answers a page of events when there is one to answer with, which takes as long as its asker waits.
    let answers = if answers {
        ", allow_responses: { max: 1, expires: \"2m\" }"
    } else {
        ""
    };
    format!(
        "      # {}\n      {{ nkey: {}, permissions: {{\n        publish: {{ allow: [{}] }}\n        subscribe: {{ allow: [{}] }}{answers}\n      }} }}\n",
        user.member,
        user.public,
        quoted(&publish),
        quoted(&subscribe)
    )
}

fn quoted(subjects: &[String]) -> String {
    let quoted: Vec<_> = subjects.iter().map(|subject| format!("{subject:?}")).collect();
    quoted.join(", ")
}

fn exports(tenant: &TenantId) -> String {
    let to = account_name(tenant);
    format!(
        "      {{ service: \"roost.cmd.{tenant}.client.*\", accounts: [{to}] }}\n      \
         {{ service: \"roost.read.{tenant}\", accounts: [{to}] }}\n      \
         {{ stream: \"roost.live.{tenant}.>\", accounts: [{to}] }}\n      \
         {{ stream: \"roost.reply.{tenant}.>\", accounts: [{to}] }}\n"
    )
}

fn account(tenant: &TenantId, user: &str) -> String {
    let name = account_name(tenant);
    format!(
        "  {name} {{\n    users: [\n{user}    ]\n    \
         limits: {{ max_connections: {TENANT_CONNECTIONS}, max_subscriptions: {TENANT_SUBSCRIPTIONS} }}\n    imports: [\n      \
         {{ service: {{ account: ROOST, subject: \"roost.cmd.{tenant}.client.*\" }}, to: \"roost.cmd.{tenant}.any.*\" }}\n      \
         {{ service: {{ account: ROOST, subject: \"roost.read.{tenant}\" }} }}\n      \
         {{ stream: {{ account: ROOST, subject: \"roost.live.{tenant}.>\" }}, to: \"roost.evt.{tenant}.>\" }}\n      \
         {{ stream: {{ account: ROOST, subject: \"roost.reply.{tenant}.>\" }} }}\n    ]\n  }}\n"
    )
}
