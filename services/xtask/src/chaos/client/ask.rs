//! Asking by HTTP until there is an answer that means something.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::{Method, StatusCode};
use roost_schemas::{CommandId, SandboxId, Sequence};
use serde_json::Value;

use super::repeat::gist;
use super::{Client, Home};
use crate::chaos::notebook::{Acknowledged, Invariant, Told};
use crate::client::Answer;

/// How long one answer is awaited.
const PATIENCE: Duration = Duration::from_secs(30);
/// One request in so many is sent twice at once.
const TWICE: usize = 8;
/// How long the same request is repeated.
const INSISTS: Duration = Duration::from_secs(75);

/// A write, as it can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    /// The command's id, also as `Idempotency-Key`.
    pub(super) key: CommandId,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It has taken effect.
    Done(Answer),
    /// It has not, and will not.
    Refused(Answer),
    /// Nobody knows: at most once.
    Unknown,
}

impl Client {
    /// A request under a key of its own.
    pub(super) fn request(&mut self, method: Method, path: &str, body: Value) -> Result<Request> {
        Ok(Request {
            method,
            path: path.to_owned(),
            body,
            key: self.key()?,
        })
    }

    /// The next command's id; a seed gives the same ids, each of which is used in one round of one stack.
    pub(super) fn key(&mut self) -> Result<CommandId> {
        self.keys += 1;
        let id = format!("chaos-{}-{}", self.number, self.keys);
        CommandId::new(id).context("letters and numbers are an id")
    }

    /// Sends a write, again under the same key for as long as there is no answer, or one that says to try again.
    /// Some are sent twice at once from the beginning.
    pub(super) async fn insist(&mut self, request: &Request) -> Outcome {
        let began = Instant::now();
        let mut twice = self.chance.below(TWICE) == 0;
        loop {
            let sent = if std::mem::take(&mut twice) {
                self.send_twice(request).await
            } else {
                self.send(request).await
            };
            match sent {
                Some(answer) if answer.status.is_success() => return Outcome::Done(answer),
                Some(answer) if !is_worth_repeating(&answer) => {
                    let code = answer.error_code().unwrap_or_else(|| answer.status.to_string());
                    *self.notebook.open().refused.entry(code).or_default() += 1;
                    return Outcome::Refused(answer);
                }
                _ if began.elapsed() > INSISTS => {
                    self.notebook.open().unknown += 1;
                    return Outcome::Unknown;
                }
                _ => tokio::time::sleep(self.chance.millis(200..1000)).await,
            }
        }
    }

    /// Both at the same time: whoever is told of success is told the same.
    async fn send_twice(&self, request: &Request) -> Option<Answer> {
        let (one, other) = tokio::join!(self.send(request), self.send(request));
        let (one, other) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.or(other),
        };
        let (first, second) = (gist(&one), gist(&other));
        let both_tell = !is_worth_repeating(&one) && !is_worth_repeating(&other);
        if both_tell && (one.status, &first) != (other.status, &second) {
            let (path, key) = (&request.path, &request.key);
            let seen = format!(
                "{path} under {key} was answered {} {first} and {} {second} at once",
                one.status, other.status
            );
            self.notebook.broken(Invariant::Once, None, seen);
        }
        Some(if one.status.is_success() { one } else { other })
    }

    async fn send(&self, request: &Request) -> Option<Answer> {
        let headers = [
            ("Content-Type", "application/json"),
            ("Idempotency-Key", request.key.as_str()),
        ];
        let body = match &request.body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let sent = self
            .api
            .send_raw(request.method.clone(), &request.path, &headers, body);
        tokio::time::timeout(PATIENCE, sent).await.ok()?.ok()
    }

    /// Reads, with at least what has been seen, until there is an answer; nothing if there is none.
    pub(super) async fn read(&mut self, home: &Home) -> Option<Answer> {
        let (path, seen) = (sandbox_path(&home.id, ""), home.seen.to_string());
        let began = Instant::now();
        while began.elapsed() < INSISTS {
            let headers = [("Roost-Min-Sequence", seen.as_str())];
            let sent = self.api.send_raw(Method::GET, &path, &headers, "");
            match tokio::time::timeout(PATIENCE, sent).await {
                Ok(Ok(answer)) if !is_worth_repeating(&answer) => return Some(answer),
                _ => tokio::time::sleep(self.chance.millis(200..1000)).await,
            }
        }
        None
    }

    /// Writes down an acknowledgement, and remembers what it has shown.
    pub(super) fn acknowledged(
        &mut self,
        told: Told,
        request: &Request,
        sandbox: &SandboxId,
        answer: &Answer,
    ) {
        let Some(sequence) = sequence(answer) else {
            let seen = format!("{} {} told no Roost-Sequence", request.method, request.path);
            self.notebook.broken(Invariant::Acknowledged, Some(sandbox), seen);
            return;
        };
        if let Some(home) = self.homes.iter_mut().find(|home| home.id == *sandbox) {
            home.seen = home.seen.max(sequence);
        }
        self.notebook.open().acknowledged.push(Acknowledged {
            told,
            key: request.key.clone(),
            sandbox: sandbox.clone(),
            sequence,
        });
    }
}

/// The path of something of a sandbox.
pub(super) fn sandbox_path(id: &SandboxId, rest: &str) -> String {
    format!("/v1/sandboxes/{id}{rest}")
}

/// Where an answer says that it stands.
pub(super) fn sequence(answer: &Answer) -> Option<Sequence> {
    let told = answer.headers.get("Roost-Sequence")?;
    Some(Sequence(told.to_str().ok()?.parse().ok()?))
}

/// Whether an answer says that there is none yet.
fn is_worth_repeating(answer: &Answer) -> bool {
    let is_away = matches!(
        answer.status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    // How a program ended that nobody saw end is never known.
    is_away && answer.error_code().as_deref() != Some("process_lost")
}
