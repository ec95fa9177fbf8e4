//! The same request again under its key, some time later: the answer is the first answer.

use anyhow::Result;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::Client;
use super::ask::{Outcome, Request};
use crate::chaos::notebook::Invariant;
use crate::client::Answer;

/// Requests that a client remembers.
const KEPT: usize = 40;

/// A request that was answered.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    request: Request,
    status: StatusCode,
    gist: Value,
}

impl Client {
    /// Remembers a request with its answer.
    pub(super) fn keep(&mut self, request: Request, answer: &Answer) {
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Kept {
            request,
            status: answer.status,
            gist: gist(answer),
        });
    }

    /// Repeats one of them.
    pub(super) async fn repeat(&mut self) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let number = self.chance.below(self.kept.len());
        let kept = self.kept[number].clone();
        let (status, gist) = match self.insist(&kept.request).await {
            Outcome::Done(answer) | Outcome::Refused(answer) => (answer.status, gist(&answer)),
            Outcome::Unknown => return Ok(()),
        };
        if (status, &gist) == (kept.status, &kept.gist) {
            self.notebook.open().repeated += 1;
            return Ok(());
        }
        let Kept { request, .. } = kept;
        let seen = format!(
            "{} {} under {} was answered {} {}, and later {status} {gist}",
            request.method, request.path, request.key, kept.status, kept.gist
        );
        self.notebook.broken(Invariant::Once, None, seen);
        Ok(())
    }
}

/// What of an answer does not change with the time at which it is given.
pub(super) fn gist(answer: &Answer) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let children: Vec<&Value> = body["sandboxes"]
        .as_array()
        .map(|children| children.iter().map(|child| &child["sandbox"]["id"]).collect())
        .unwrap_or_default();
    json!({
        "id": body["id"], "process": body["process_id"], "exit_code": body["exit_code"],
        "stdout": body["stdout"], "name": body["name"], "snapshot": body["snapshot"],
        "children": children, "error": body["error"]["code"],
    })
}
