//! The id by which the queue recognises the same command sent twice.

use roost_schemas::subject::{CommandSubject, Route};

use crate::port::Message;

/// The `Nats-Msg-Id` of a command on its way to `subject`.
///
/// A command that is forwarded, or asked for again with another reply inbox, must not be swallowed as a duplicate: it
/// would never be answered, and its aggregate knows its id anyway. A repeat of the same sending must. `/` stands in no
/// command id, so no two commands can meet in one key.
pub(crate) fn key(subject: &CommandSubject, message: &Message) -> String {
    let id = &message.command_id;
    match (&subject.route, &message.reply) {
        (Route::Any | Route::Client, None) => id.to_string(),
        (route, None) => format!("{id}/{route}"),
        (route, Some(reply)) => format!("{id}/{route}/{reply}"),
    }
}
