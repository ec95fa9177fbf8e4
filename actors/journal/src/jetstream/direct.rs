//! The messages of a subject by batched direct gets (NATS ADR-31), which async-nats does not offer.
//!
//! ```text
//!   request  $JS.API.DIRECT.GET.<stream>  {"seq":5,"next_by_subj":"..","batch":256,"max_bytes":..}
//!                                         {"start_time":"2026-..","next_by_subj":..}
//!   answers  message, message, ..   Nats-Sequence: this one   Nats-Last-Sequence: the one before it in this answer
//!            204 EOB                Nats-Num-Pending: how many more there are
//!            404                    there is none
//! ```
//!
//! One round trip brings a whole sandbox, where single gets need one each. The answers are plain messages, of which a
//! client may drop some; the chain of `Nats-Last-Sequence` shows that none is missing.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::DirectGetErrorKind;
use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use serde::Serialize;

use super::link::Link;

/// Messages in one answer: more than nearly any sandbox has.
const BATCH: u32 = 256;
/// Bytes in one answer where nobody asks for fewer, below what the server would buffer for a connection before it cuts it.
pub(super) const BATCH_BYTES: u32 = 8 << 20;

#[derive(Serialize)]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    next_by_subj: &'a str,
    batch: u32,
    max_bytes: u32,
}

/// From where on messages are wanted.
pub(super) enum Start {
    /// After this sequence.
    After(u64),
    /// Stored at this time, in RFC 3339, or later.
    At(String),
}

/// One answer.
pub(super) struct Page {
    pub(super) messages: Vec<StreamMessage>,
    /// Whether there are more behind them.
    pub(super) more: bool,
}

/// All messages of `subject` after `after`, in order; for subjects of which little is kept.
pub(super) async fn read(
    link: &Link,
    stream: &str,
    subject: &str,
    after: u64,
) -> Result<Vec<StreamMessage>, String> {
    let mut all: Vec<StreamMessage> = Vec::new();
    loop {
        let after = all.last().map_or(after, |last| last.sequence);
        let mut page = page(link, stream, subject, Start::After(after), BATCH_BYTES).await?;
        all.append(&mut page.messages);
        if !page.more {
            return Ok(all);
        }
    }
}

/// The first messages of `subject`, which may be a filter, from `start` on, in order: at least one if there is any, and about
/// `bytes`. The error says what was seen instead of a whole answer.
pub(super) async fn page(
    link: &Link,
    stream: &str,
    subject: &str,
    start: Start,
    bytes: u32,
) -> Result<Page, String> {
    let (seq, start_time) = match start {
        Start::After(after) => (Some(after + 1), None),
        Start::At(time) => (None, Some(time)),
    };
    let request = Request {
        seq,
        start_time,
        next_by_subj: subject,
        batch: BATCH,
        max_bytes: bytes,
    };
    let body = serde_json::to_vec(&request).map_err(|e| e.to_string())?;
    let inbox = link.client.new_inbox();
    let answers = link
        .client
        .subscribe(inbox.clone())
        .await
        .map_err(|e| e.to_string())?;
    let target = format!("$JS.API.DIRECT.GET.{stream}");
    link.client
        .publish_with_reply(target, inbox, body.into())
        .await
        .map_err(|e| e.to_string())?;
    let whole = tokio::time::timeout(link.options.ack_wait, collect(answers));
    let whole = link.answer(whole).await.map_err(|gone| gone.to_string())?;
    whole.map_err(|_| format!("no whole answer to a read in {:?}", link.options.ack_wait))?
}

/// What the message at `sequence` says; nothing if there is none. The error says what was seen instead of an answer.
pub(super) async fn at(link: &Link, stream: &str, sequence: u64) -> Result<Option<Bytes>, String> {
    let stream = link.context.get_stream_no_info(stream).await;
    let stream = stream.map_err(|e| e.to_string())?;
    let read = link.answer(stream.direct_get(sequence)).await;
    match read.map_err(|gone| gone.to_string())? {
        Ok(message) => Ok(Some(message.payload)),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

async fn collect(mut answers: Subscriber) -> Result<Page, String> {
    let mut messages: Vec<StreamMessage> = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer.status {
            None => {
                let before = number(&answer, "Nats-Last-Sequence")?;
                let seen = messages.last().map_or(0, |last| last.sequence);
                if before != seen {
                    return Err(format!(
                        "an answer after sequence {before} arrived when {seen} was the last"
                    ));
                }
                messages.push(answer.try_into().map_err(|e| format!("{e}"))?);
            }
            Some(status) if status.as_u16() == 204 => {
                return Ok(Page {
                    messages,
                    more: number(&answer, "Nats-Num-Pending")? > 0,
                });
            }
            Some(StatusCode::NOT_FOUND) => {
                return Ok(Page {
                    messages,
                    more: false,
                });
            }
            Some(status) => {
                let words = answer.description.as_deref().unwrap_or("no description");
                return Err(format!("status {status:?} ({words})"));
            }
        }
    }
    Err("the connection closed during a read".to_owned())
}

fn number(answer: &Message, name: &'static str) -> Result<u64, String> {
    let value = answer.headers.as_ref().and_then(|headers| headers.get(name));
    value
        .and_then(|value| value.as_str().parse().ok())
        .ok_or_else(|| format!("an answer has no number in {name}"))
}
