//! The ids by which the server recognises what was sent twice.
//!
//! It compares them across a whole stream, so each begins with its tenant: two tenants may name their commands alike.
//! `/` stands in no tenant's and no command's id, so no two can meet in one.

use roost_schemas::subject::{CommandSubject, EventSubject, Route};
use roost_schemas::{CommandId, TenantId};

use crate::port::Message;

/// The `Nats-Msg-Id` of a command on its way to `subject`.
///
/// A command that is forwarded, or asked for again with another reply inbox, must not be swallowed as a duplicate: it
/// would never be answered, and its aggregate knows its id anyway. A repeat of the same sending must.
pub(crate) fn key(subject: &CommandSubject, message: &Message) -> String {
    let id = in_tenant(&subject.tenant, &message.command_id);
    match (&subject.route, &message.reply) {
        (Route::Any | Route::Client, None) => id,
        (route, None) => format!("{id}/{route}"),
        (route, Some(reply)) => format!("{id}/{route}/{reply}"),
    }
}

/// The `Nats-Msg-Id` of what `command` leads to on `subject`.
pub(crate) fn commit(subject: &EventSubject, command: &CommandId) -> String {
    in_tenant(&subject.tenant, command)
}

/// The command that led to a message on `subject` under the id `key`; logs of before there were tenants have the command's
/// id alone.
pub(crate) fn command(subject: &EventSubject, key: &str) -> Result<CommandId, String> {
    let id = match key.split_once('/') {
        Some((tenant, id)) if tenant == subject.tenant.as_str() => id,
        Some(_) => return Err(format!("{key:?} is of another tenant")),
        None => key,
    };
    CommandId::new(id).map_err(|error| error.to_string())
}

fn in_tenant(tenant: &TenantId, id: &CommandId) -> String {
    format!("{tenant}/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_back_by_its_tenant_and_as_older_releases_wrote_it() {
        let subject: EventSubject = "roost.evt.acme.sandbox.s1".parse().unwrap();
        let id = CommandId::new("k:1@2").unwrap();
        assert_eq!(commit(&subject, &id), "acme/k:1@2");
        assert_eq!(command(&subject, "acme/k:1@2"), Ok(id.clone()));
        assert_eq!(command(&subject, "k:1@2"), Ok(id));
        for bad in ["other/k:1@2", "acme/", "", "acme/a/b", "a b"] {
            assert!(command(&subject, bad).is_err(), "{bad:?}");
        }
    }
}
