//! A command's headers, written and read.

use async_nats::HeaderMap;
use bytes::Bytes;
use roost_schemas::command::{ContentType, header};
use roost_schemas::{CommandId, Timestamp, trace};

use crate::port::Message;

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

/// Reads the headers of the command at `sequence` in the queue.
pub(super) fn read(headers: Option<&HeaderMap>, sequence: u64, body: Bytes) -> Result<Message, Malformed> {
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
        Some(reply) if is_inbox(reply) => (Some(reply.to_owned()), None),
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
const REPLY_RULE: &str = "use a subject without wildcards that begins neither with roost. nor with $";

/// Whether an answer may be sent there. Never to subjects of ours or of the server's: a command must not be a way to
/// write into the log, or to call the server, with this process's rights.
fn is_inbox(subject: &str) -> bool {
    let tokens = || subject.split('.');
    !subject.starts_with('$')
        && tokens().next() != Some("roost")
        && subject.len() <= 256
        && tokens().all(|token| {
            !token.is_empty() && token != "*" && token != ">" && token.chars().all(|c| c.is_ascii_graphic())
        })
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
        let read = read(Some(&written), 1, message.body.clone()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
    }

    #[test]
    fn a_command_without_headers_gets_an_id_from_its_sequence() {
        let message = read(None, 42, Bytes::new()).unwrap();
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
            let malformed = read(Some(&pairs), 1, Bytes::new()).unwrap_err();
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
            let malformed = read(Some(&headers(&[(header::REPLY, reply)])), 1, Bytes::new()).unwrap_err();
            assert_eq!(malformed.reply, None, "{reply}");
        }
        assert!(read(Some(&headers(&[(header::REPLY, "my.replies")])), 1, Bytes::new()).is_ok());
    }
}
