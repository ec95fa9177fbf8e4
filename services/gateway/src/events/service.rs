//! The read service: pages of a tenant's events for its own NATS clients, who may not touch the log itself.
//!
//! ```text
//!   request  roost.read.<tenant>   {after?, limit?, wait_ms?, sandboxes?, types?, metadata?}
//!   answer   {events, next_after, more}   or   {error: {code, message}}
//! ```
//!
//! In MessagePack, or in JSON where the request's header says so. With `wait_ms` a request that finds nothing waits so long
//! for something. Which tenant asks is what nats-server's accounts make of it: its subject, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, HeaderMap, HeaderValue, Message};
use bytes::Bytes;
use futures::StreamExt;
use roost_schemas::codec::{self, Undecodable};
use roost_schemas::command::{ContentType, header};
use roost_schemas::tenant::Scope;
use roost_schemas::{SandboxId, Sequence, TenantId};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout_at};

use super::ask::check;
use super::page::{EventPage, page};
use super::pick::Pick;
use super::place::Place;
use super::seats::Seats;
use crate::caller::Caller;
use crate::error::{ApiError, Code, ErrorBody};
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};
use crate::state::Gateway;

/// Before the tenant in the subject.
const SUBJECT: &str = "roost.read.";
/// Of several gateways, one answers.
const GROUP: &str = "gateway";
/// The longest that a request may wait.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Requests under way: at all, and of one tenant.
const MAX_READS: (usize, usize) = (1024, 128);
/// Bytes of a request.
const MAX_REQUEST: usize = 16 << 10;
/// The pause before nats-server is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Read {
    after: After,
    limit: Option<usize>,
    wait_ms: u64,
    sandboxes: BTreeSet<SandboxId>,
    types: BTreeSet<String>,
    metadata: BTreeMap<String, String>,
}

/// A sequence, or a time in RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum After {
    Sequence(u64),
    Time(String),
}

impl Default for After {
    fn default() -> Self {
        Self::Sequence(0)
    }
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Page(EventPage),
    Error(ErrorBody),
}

/// Answers reads that come over `client`, for as long as it is polled.
pub async fn answer_reads(gateway: Gateway, client: Client) {
    let seats = Arc::new(Seats::new(MAX_READS.0, MAX_READS.1, "roost_event_reads"));
    loop {
        match client
            .queue_subscribe(format!("{SUBJECT}*"), GROUP.to_owned())
            .await
        {
            Ok(mut requests) => {
                while let Some(request) = requests.next().await {
                    take(&gateway, &client, &seats, request);
                }
            }
            Err(error) => tracing::warn!(%error, "reads over NATS cannot be taken yet"),
        }
        sleep(RETRY).await;
    }
}

/// Answers one request in a task of its own; one that nobody waits for is let go.
fn take(gateway: &Gateway, client: &Client, seats: &Seats, request: Message) {
    let tenant = request.subject.strip_prefix(SUBJECT).map(TenantId::new);
    let (Some(Ok(tenant)), Some(reply)) = (tenant, request.reply.clone()) else {
        return;
    };
    // This gateway may publish more than who asks may: it answers, and carries nothing to our own subjects.
    if reply.starts_with("roost.") || reply.starts_with('$') {
        tracing::warn!(%tenant, %reply, "a read asks to be answered where no inbox is");
        return;
    }
    let caller = Arc::new(Caller {
        scope: Scope::Read,
        principal: format!("tenant:{tenant}"),
        ..Caller::guest_of(tenant)
    });
    let paced = gateway.pace(&caller);
    let seat = paced.and_then(|()| seats.claim(&caller.tenant));
    let gateway = gateway.seen_by(caller);
    let client = client.clone();
    let asked_over = connections(&client);
    tokio::spawn(async move {
        let (content, read) = understand(&request);
        let answered = match (seat, read) {
            (Ok(_seat), Ok(read)) => read.answer(&gateway).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        // A gateway may answer what came over the connection that it has: on another nats-server would deny it that.
        if connections(&client) != asked_over {
            return tracing::debug!("the connection that a read came over is no more");
        }
        let answer = answered.map_or_else(|error| Answer::Error(error.into()), Answer::Page);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content.as_str());
        if let Err(error) = client
            .publish_with_headers(reply, headers, encode(content, &answer))
            .await
        {
            tracing::debug!(%error, "a read was not answered");
        }
    });
}

/// How often `client` has been connected.
fn connections(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

/// In what the answer is to be, and the request or what is wrong with it.
fn understand(request: &Message) -> (ContentType, Result<Read, ApiError>) {
    let headers = request.headers.as_ref();
    let named = headers.and_then(|headers| headers.get(header::CONTENT_TYPE).map(HeaderValue::as_str));
    let content = match named.map(|named| (named, ContentType::parse(named))) {
        None => ContentType::default(),
        Some((_, Some(content))) => content,
        Some((named, None)) => {
            let message = format!("{named:?} is no content type of reads: use application/json or none");
            return (ContentType::Json, Err(ApiError::invalid(message)));
        }
    };
    (content, decode(content, &request.payload))
}

fn decode(content: ContentType, body: &[u8]) -> Result<Read, ApiError> {
    const WHAT: &str = "read";
    if body.is_empty() {
        return Ok(Read::default());
    }
    if body.len() > MAX_REQUEST {
        let message = format!("the request has {} bytes: send at most {MAX_REQUEST}", body.len());
        return Err(ApiError::new(Code::PayloadTooLarge, message));
    }
    let read = match content {
        ContentType::MessagePack => codec::decode(WHAT, body),
        ContentType::Json => codec::decode_json(WHAT, body),
    };
    read.map_err(|error: Undecodable| ApiError::invalid(error.to_string()))
}

fn encode(content: ContentType, answer: &Answer) -> Bytes {
    let json = serde_json::to_value(answer).expect("it has string keys");
    match content {
        ContentType::MessagePack => codec::encode(&json).into(),
        ContentType::Json => json.to_string().into(),
    }
}

impl Read {
    async fn answer(self, gateway: &Gateway) -> Result<EventPage, ApiError> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            let message = format!("limit is {limit}: use a number from 1 to {MAX_PAGE}");
            return Err(ApiError::invalid(message));
        }
        let place = match self.after {
            After::Sequence(sequence) => Place::after(sequence)?,
            After::Time(time) => Place::parse(&time)?,
        };
        let pick = Pick {
            sandboxes: self.sandboxes,
            kinds: self.types,
            labels: self.metadata,
        };
        check(&pick)?;
        let deadline = Instant::now() + Duration::from_millis(self.wait_ms).min(MAX_WAIT);
        gateway.reach(Sequence::default()).await?;
        let after = place.resolve(gateway).await?;
        gateway.reach(after).await?;
        let whose = Some(gateway.tenant().clone());
        let lane = gateway.hub().await?.lane(&whose);
        let mut news = lane.watch();
        let mut read = page(gateway, &whose, &pick, after, limit).await?;
        while read.events.is_empty()
            && !read.more
            && matches!(timeout_at(deadline, news.changed()).await, Ok(Ok(())))
        {
            let after = Sequence(read.next_after);
            read = page(gateway, &whose, &pick, after, limit).await?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read() {
        let json = br#"{"after":5,"limit":2,"types":["running"],"wait_ms":100}"#;
        let read = decode(ContentType::Json, json).unwrap();
        assert!(matches!(read.after, After::Sequence(5)));
        let value: serde_json::Value = serde_json::from_slice(json).unwrap();
        let packed = codec::encode(&value);
        let read = decode(ContentType::MessagePack, &packed).unwrap();
        assert_eq!((read.limit, read.types.len()), (Some(2), 1));
        let time = decode(ContentType::Json, br#"{"after":"2026-01-31T12:00:00Z"}"#).unwrap();
        assert!(matches!(time.after, After::Time(_)));
        assert!(decode(ContentType::MessagePack, b"").is_ok());
    }

    #[test]
    fn what_is_no_read_is_refused() {
        for bad in [&b"nonsense"[..], b"{\"tenant\":\"other\"}", b"{\"after\":-1}"] {
            assert!(decode(ContentType::Json, bad).is_err());
            assert!(decode(ContentType::MessagePack, bad).is_err());
        }
        let long = vec![b' '; MAX_REQUEST + 1];
        let error = decode(ContentType::Json, &long).unwrap_err();
        assert_eq!(error.code, Code::PayloadTooLarge);
    }
}
