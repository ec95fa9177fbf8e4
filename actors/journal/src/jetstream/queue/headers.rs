//! A command's headers, written and read.

use async_nats::HeaderMap;
use bytes::Bytes;
use roost_schemas::command::{ContentType, header};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, TenantId, Timestamp, trace};

use super::super::streams::COMMANDS;
use crate::port::Message;

/// The stream in which a message was meant to be stored by whoever published it.
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
/// Who sent a command whose sender did not say.
const ANONYMOUS: &str = "anonymous";
/// Characters of a principal: it is stored in every commit.
const PRINCIPAL_MAX: usize = 128;

/// What is wrong with a command's headers, and where that can be told.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) reason: String,
    pub(super) reply: Option<String>,
    pub(super) content: ContentType,
}

/// The headers of `message`, de-duplicated by `key`.
pub(super) fn write(message: &Message, key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::COMMAND_ID, key);
    if key != message.command_id.as_str() {
        headers.insert(header::FORWARDED_ID, message.command_id.as_str());
    }
    headers.insert(header::CONTENT_TYPE, message.content.as_str());
    headers.insert(header::PRINCIPAL, message.principal.as_str());
    if let Some(deadline) = message.deadline {
        headers.insert(header::DEADLINE, deadline.0.to_string());
    }
    if let Some(reply) = &message.reply {
        headers.insert(header::REPLY, reply.as_str());
    }
    if let Some(parent) = &message.trace {
        headers.insert(trace::HEADER, parent.to_string());
    }
    headers
}

/// Reads the headers of the command at `sequence` in the queue, on `subject` if that is one.
pub(super) fn read(
    subject: Option<&CommandSubject>,
    headers: Option<&HeaderMap>,
    sequence: u64,
    body: Bytes,
) -> Result<Message, Malformed> {
    let value = |name: &'static str| {
        headers
            .and_then(|headers| headers.get(name))
            .map(|value| value.as_str().trim())
    };
    let (content, bad_content) =
        match value(header::CONTENT_TYPE).map(|text| (text, ContentType::parse(text))) {
            None => (ContentType::default(), None),
            Some((_, Some(content))) => (content, None),
            // Whoever writes it by hand gets an answer that can be read by eye.
            Some((text, None)) => (
                ContentType::Json,
                Some(format!("{text:?} is not a content type: {CONTENT_RULE}")),
            ),
        };
    let (reply, bad_reply) = match value(header::REPLY) {
        Some(reply) if may_answer(subject, reply) => (Some(reply.to_owned()), None),
        Some(reply) => (
            None,
            Some(format!("{reply:?} is not a reply subject: {REPLY_RULE}")),
        ),
        None => (None, None),
    };
    let malformed = |reason: String| Malformed {
        reason,
        reply: reply.clone(),
        content,
    };
    if let Some(reason) = bad_content.or(bad_reply) {
        return Err(malformed(reason));
    }
    if subject.is_some_and(is_operators) && value(EXPECTED_STREAM) != Some(COMMANDS) {
        return Err(malformed(format!(
            "an operator's command has the header {EXPECTED_STREAM}: {COMMANDS}"
        )));
    }
    if subject.is_some_and(|subject| subject.route == Route::Client) && value(header::COMMAND_ID).is_some() {
        return Err(malformed(format!(
            "it has the header {}: {SWALLOWED_RULE}",
            header::COMMAND_ID
        )));
    }
    let named = value(header::FORWARDED_ID).or_else(|| value(header::COMMAND_ID));
    let id = named.map_or_else(|| format!("seq-{sequence}"), str::to_owned);
    let command_id = CommandId::new(id).map_err(|error| malformed(error.to_string()))?;
    let deadline = value(header::DEADLINE).map(|text| {
        text.parse()
            .map(Timestamp)
            .map_err(|_| malformed(format!("{text:?} is not a deadline: {DEADLINE_RULE}")))
    });
    let principal: String = value(header::PRINCIPAL)
        .unwrap_or(ANONYMOUS)
        .chars()
        .take(PRINCIPAL_MAX)
        .collect();
    Ok(Message {
        command_id,
        principal,
        deadline: deadline.transpose()?,
        reply,
        // A trace that cannot be read is as good as none: the command is what counts.
        trace: value(trace::HEADER).and_then(|text| text.parse().ok()),
        content,
        body,
    })
}

const CONTENT_RULE: &str = "use application/json or application/msgpack";
const DEADLINE_RULE: &str = "use milliseconds since 1970";
const REPLY_RULE: &str = "use a subject without wildcards: an inbox of yours, or for a tenant's client one that begins with roost.reply. and the tenant";

/// The server compares that header across the stream, in which all tenants' commands stand: what one tenant sends would swallow what
/// another sends under the same.
const SWALLOWED_RULE: &str =
    "other tenants' commands may have the same; name the command by Roost-Command-Id";

/// Whether a command here is to be an operator's. Only those need not be believed by their subject alone: somebody who may not
/// publish it may still have the server send there what it keeps, as the answer to a read. The server refuses a message that
/// expects to be in another stream than it comes to, so one that expects this was published here.
fn is_operators(subject: &CommandSubject) -> bool {
    subject.tenant == TenantId::system() && subject.route == Route::Any
}

/// Whether the answer to a command on `subject` may be sent to `reply`. A tenant's client is answered where only its tenant
/// listens, whoever answers it: whatever subject it names, it would be published to with this process's rights.
fn may_answer(subject: Option<&CommandSubject>, reply: &str) -> bool {
    let tenants = subject.and_then(|subject| {
        let rest = reply
            .strip_prefix("roost.reply.")?
            .strip_prefix(subject.tenant.as_str())?;
        Some(rest.strip_prefix('.').is_some_and(is_subject))
    });
    match subject.map(|subject| &subject.route) {
        Some(Route::Client) => tenants == Some(true),
        _ => tenants == Some(true) || is_inbox(reply),
    }
}

/// Whether an answer may be sent there. Never to subjects of ours or of the server's: a command must not be a way to
/// write into the log, or to call the server, with this process's rights.
fn is_inbox(subject: &str) -> bool {
    !subject.starts_with('$') && subject.split('.').next() != Some("roost") && is_subject(subject)
}

/// Whether these are tokens of a subject, none of them a wildcard.
fn is_subject(text: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty() && token != "*" && token != ">" && token.chars().all(|c| c.is_ascii_graphic())
    };
    text.len() <= 256 && text.split('.').all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, *value);
        }
        map
    }

    #[test]
    fn what_is_written_is_read_back() {
        let message = Message {
            command_id: CommandId::new("c1").unwrap(),
            principal: "key:1".to_owned(),
            deadline: Some(Timestamp(7)),
            reply: Some("_INBOX.a".to_owned()),
            trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                .parse()
                .ok(),
            content: ContentType::Json,
            body: Bytes::from_static(b"{}"),
        };
        let written = write(&message, "c1/h1/_INBOX.a");
        let read = read(None, Some(&written), 1, message.body.clone()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
    }

    #[test]
    fn a_command_without_headers_gets_an_id_from_its_sequence() {
        let message = read(None, None, 42, Bytes::new()).unwrap();
        assert_eq!(message.command_id.as_str(), "seq-42");
        assert_eq!(message.principal, ANONYMOUS);
        assert_eq!(message.content, ContentType::MessagePack);
    }

    #[test]
    fn each_malformed_header_is_named() {
        for (name, value) in [
            (header::COMMAND_ID, "a b"),
            (header::FORWARDED_ID, "a/b"),
            (header::DEADLINE, "tomorrow"),
            (header::CONTENT_TYPE, "text/plain"),
        ] {
            let pairs = headers(&[(name, value), (header::REPLY, "_INBOX.a")]);
            let malformed = read(None, Some(&pairs), 1, Bytes::new()).unwrap_err();
            assert!(malformed.reason.contains(value), "{}", malformed.reason);
            assert_eq!(malformed.reply.as_deref(), Some("_INBOX.a"));
        }
    }

    #[test]
    fn an_answer_cannot_be_sent_into_the_log_or_to_the_server() {
        for reply in [
            "roost.evt.default.sandbox.a",
            "$JS.API.STREAM.DELETE.EVENTS",
            "a.*",
            ">",
            "a..b",
            "a b",
            "",
        ] {
            let malformed =
                read(None, Some(&headers(&[(header::REPLY, reply)])), 1, Bytes::new()).unwrap_err();
            assert_eq!(malformed.reply, None, "{reply}");
        }
        assert!(
            read(
                None,
                Some(&headers(&[(header::REPLY, "my.replies")])),
                1,
                Bytes::new()
            )
            .is_ok()
        );
    }

    #[test]
    fn a_clients_answer_goes_where_only_its_tenant_listens() {
        let on = |subject: &str| -> CommandSubject { subject.parse().unwrap() };
        let client = on("roost.cmd.acme.client.sb1");
        let forwarded = on("roost.cmd.acme.h1.sb1");
        for subject in [&client, &forwarded] {
            assert!(may_answer(Some(subject), "roost.reply.acme.a.b"));
            for reply in [
                "roost.reply.acme",
                "roost.reply.acme.",
                "roost.reply.acme2.a",
                "roost.reply.other.a",
                "roost.reply.acme.*",
                "roost.evt.acme.sandbox.a",
            ] {
                assert!(!may_answer(Some(subject), reply), "{reply}");
            }
        }
        assert!(!may_answer(Some(&client), "_INBOX.a") && may_answer(Some(&forwarded), "_INBOX.a"));
        assert!(!may_answer(None, "roost.reply.acme.a"));
    }

    #[test]
    fn a_clients_command_is_not_named_by_what_the_server_compares_with_other_tenants() {
        let client: CommandSubject = "roost.cmd.acme.client.sb1".parse().unwrap();
        let reply = (header::REPLY, "roost.reply.acme.a");
        let read = |name| {
            read(
                Some(&client),
                Some(&headers(&[(name, "c1"), reply])),
                1,
                Bytes::new(),
            )
        };
        let malformed = read(header::COMMAND_ID).unwrap_err();
        assert!(
            malformed.reason.contains(header::FORWARDED_ID),
            "{}",
            malformed.reason
        );
        assert_eq!(malformed.reply.as_deref(), Some("roost.reply.acme.a"));
        assert_eq!(read(header::FORWARDED_ID).unwrap().command_id.as_str(), "c1");
    }

    #[test]
    fn an_operators_command_was_published_where_it_stands() {
        let system: CommandSubject = "roost.cmd.system.any.tenants".parse().unwrap();
        for (pairs, accepted) in [
            (vec![], false),
            (vec![(EXPECTED_STREAM, "EVENTS")], false),
            (vec![(EXPECTED_STREAM, COMMANDS)], true),
        ] {
            let read = read(Some(&system), Some(&headers(&pairs)), 1, Bytes::new());
            assert_eq!(read.is_ok(), accepted, "{pairs:?}");
        }
    }
}
