//! What a target is sent: a commit's events in JSON, signed as the Standard Webhooks specification says.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use roost_journal::port::{FeedId, Record};
use roost_schemas::codec::Undecodable;
use roost_schemas::telling::{self, Told};
use roost_schemas::token::TokenKey;
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{SandboxId, Sequence, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

/// The body.
#[derive(Debug, Serialize)]
struct Body<'a> {
    webhook: &'a str,
    sandbox: &'a str,
    metadata: &'a BTreeMap<String, String>,
    events: Vec<Event<'a>>,
}

/// One event, as event streams show it.
#[derive(Debug, Serialize)]
struct Event<'a> {
    sequence: Sequence,
    at: &'a str,
    subject: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// The body that tells `spec` of the commit in `record`; nothing if it is not to be told of any of its events.
pub(crate) fn body(
    feed: &FeedId,
    spec: &WebhookSpec,
    sandbox: &SandboxId,
    metadata: &BTreeMap<String, String>,
    record: &Record,
) -> Result<Option<Bytes>, Undecodable> {
    let telling = telling::tell(&record.subject, &record.payload)?;
    let wanted = |told: &&Told| spec.types.is_empty() || spec.types.contains(&told.kind);
    let at = rfc3339(telling.at);
    let subject = record.subject.to_string();
    let events: Vec<_> = telling
        .events
        .iter()
        .filter(wanted)
        .map(|told| Event {
            sequence: record.sequence,
            at: &at,
            subject: &subject,
            kind: &told.kind,
            data: told.data.as_deref(),
        })
        .collect();
    if events.is_empty() {
        return Ok(None);
    }
    let body = Body {
        webhook: feed.webhook.as_str(),
        sandbox: sandbox.as_str(),
        metadata,
        events,
    };
    let text = serde_json::to_vec(&body).expect("texts, numbers and maps of texts are JSON");
    Ok(Some(text.into()))
}

/// Whether `metadata` has all the labels that `spec` asks for.
pub(crate) fn has_labels(spec: &WebhookSpec, metadata: &BTreeMap<String, String>) -> bool {
    spec.metadata
        .iter()
        .all(|(label, value)| metadata.get(label) == Some(value))
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
fn rfc3339(at: Timestamp) -> String {
    let at = i64::try_from(at.0)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    format!("{:.3}", at.unwrap_or(jiff::Timestamp::MAX))
}

/// Headers that let a target tell ours from others', and what it has seen from what is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Headers {
    /// `webhook-id`: the same for every try.
    pub(crate) id: String,
    /// `webhook-timestamp`: seconds since 1970.
    pub(crate) timestamp: String,
    /// `webhook-signature`.
    pub(crate) signature: String,
}

/// Signs with one webhook's secret.
#[derive(Clone)]
pub(crate) struct Signer {
    feed: FeedId,
    mac: Hmac<Sha256>,
}

impl Signer {
    pub(crate) fn new(key: &TokenKey, feed: &FeedId) -> Self {
        let secret = key.webhook(&feed.tenant, &feed.webhook);
        Self {
            feed: feed.clone(),
            mac: Hmac::new_from_slice(&secret).expect("a key of any length will do"),
        }
    }

    /// The headers of the commit at `sequence` with this `body`, sent at `now`.
    pub(crate) fn sign(&self, sequence: Sequence, now: Timestamp, body: &[u8]) -> Headers {
        let id = format!("{}-{sequence}", self.feed.webhook);
        let timestamp = (now.0 / 1_000).to_string();
        let mut mac = self.mac.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        Headers {
            id,
            timestamp,
            signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use roost_schemas::commit::{Commit, SCHEMA_VERSION};
    use roost_schemas::event::{SandboxEvent, Starting};
    use roost_schemas::subject::EventSubject;
    use roost_schemas::{CommandId, Generation, TenantId, WebhookId};

    use super::*;

    fn feed() -> FeedId {
        FeedId {
            tenant: TenantId::first(),
            webhook: WebhookId::new("wh1").unwrap(),
        }
    }

    fn spec(types: &[&str], metadata: &[(&str, &str)]) -> WebhookSpec {
        let pairs = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        WebhookSpec {
            url: "https://example.com".to_owned(),
            types: types.iter().map(ToString::to_string).collect(),
            metadata: pairs.collect(),
        }
    }

    fn record() -> Record {
        let starting = SandboxEvent::Starting(Starting {
            generation: Generation(1),
        });
        let commit = Commit {
            command_id: CommandId::new("c1").unwrap(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(1_700_000_000_120),
            principal: "test".to_owned(),
            events: vec![starting, SandboxEvent::Stopped],
        };
        Record {
            subject: EventSubject::sandbox(TenantId::first(), SandboxId::new("s1").unwrap()),
            sequence: Sequence(7),
            command_id: commit.command_id.clone(),
            stored_at: commit.at,
            payload: commit.encode().into(),
        }
    }

    #[test]
    fn a_commit_s_wanted_events_are_told_together() {
        let record = record();
        let sandbox = SandboxId::new("s1").unwrap();
        let labels = BTreeMap::from([("owner".to_owned(), "ci".to_owned())]);
        let body = |types: &[&str]| body(&feed(), &spec(types, &[]), &sandbox, &labels, &record).unwrap();
        let all: serde_json::Value = serde_json::from_slice(&body(&[]).unwrap()).unwrap();
        assert_eq!(
            all,
            serde_json::json!({
                "webhook": "wh1",
                "sandbox": "s1",
                "metadata": {"owner": "ci"},
                "events": [
                    {
                        "sequence": 7,
                        "at": "2023-11-14T22:13:20.120Z",
                        "subject": "roost.evt.default.sandbox.s1",
                        "type": "starting",
                        "data": {"generation": 1},
                    },
                    {
                        "sequence": 7,
                        "at": "2023-11-14T22:13:20.120Z",
                        "subject": "roost.evt.default.sandbox.s1",
                        "type": "stopped",
                    },
                ],
            })
        );
        let one: serde_json::Value = serde_json::from_slice(&body(&["stopped"]).unwrap()).unwrap();
        assert_eq!(one["events"].as_array().unwrap().len(), 1);
        assert_eq!(body(&["running"]), None);
    }

    #[test]
    fn labels_are_to_be_there_all_of_them() {
        let has = |asked: &[(&str, &str)], there: &[(&str, &str)]| {
            has_labels(&spec(&[], asked), &spec(&[], there).metadata)
        };
        assert!(has(&[], &[]) && has(&[("a", "1")], &[("a", "1"), ("b", "2")]));
        assert!(!has(&[("a", "1")], &[("a", "2")]) && !has(&[("a", "1"), ("b", "2")], &[("a", "1")]));
    }

    /// The values were made with OpenSSL: `openssl dgst -sha256 -mac HMAC -macopt hexkey:<secret> -binary | base64`.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signer = Signer {
            feed: feed(),
            mac: Hmac::new_from_slice(&secret).unwrap(),
        };
        let headers = signer.sign(
            Sequence(7),
            Timestamp(1_614_265_330_999),
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            (headers.id.as_str(), headers.timestamp.as_str()),
            ("wh1-7", "1614265330")
        );
        assert_eq!(
            headers.signature,
            "v1,ZOLz6/ZvNluOE3RjOwilVk/i+0wIlKgBrmGL062SvSo="
        );
    }

    #[test]
    fn secrets_differ_and_a_signature_holds_for_one_try_alone() {
        let key = |digit: &str| digit.repeat(64).parse::<TokenKey>().unwrap();
        let sign = |digit: &str, sequence: u64, at: u64, body: &[u8]| {
            Signer::new(&key(digit), &feed())
                .sign(Sequence(sequence), Timestamp(at), body)
                .signature
        };
        let one = sign("1", 7, 1_000, b"{}");
        assert_eq!(one, sign("1", 7, 1_999, b"{}"));
        for other in [
            sign("2", 7, 1_000, b"{}"),
            sign("1", 8, 1_000, b"{}"),
            sign("1", 7, 2_000, b"{}"),
            sign("1", 7, 1_000, b"{ }"),
        ] {
            assert_ne!(one, other);
        }
    }
}
