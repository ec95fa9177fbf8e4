//! A webhook: where a tenant is told what happens, and what it could not be told.
//!
//! ```text
//!  (unknown) ──create──▶ Telling ──delete──▶ Deleted
//!                         │   ▲
//!                 give up ▼   │ redelivered
//!                     put aside ── redelivery asked ──▶ tried again ──▶ put aside, or redelivered
//! ```
//!
//! Nothing is put aside beyond [`MAX_ASIDE`]: whoever tells has to go on trying then, because a commit that is in no list
//! would be lost.

mod spec;

use std::collections::BTreeMap;

use roost_schemas::Sequence;
use roost_schemas::command::{Envelope, WebhookChange};
use roost_schemas::event::{GivenUp, Redelivered, RedeliveryAsked, WebhookEvent};
use roost_schemas::webhook::WebhookSpec;
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

pub use spec::{MAX_URL, MAX_WEBHOOKS, Targets, check_spec};

/// Commits that may be put aside.
pub const MAX_ASIDE: usize = 1_000;

/// What is known of one webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// What is told, and where; nothing before it was created.
    pub spec: Option<WebhookSpec>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// What could not be told, by its place in the log.
    pub aside: BTreeMap<Sequence, Aside>,
}

/// A commit that could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// Why.
    pub given_up: GivenUp,
    /// Whether it is to be tried again.
    pub asked: bool,
}

/// What may be asked of a webhook, or reported of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// By its tenant.
    Change(WebhookChange),
    /// By whoever tells: this could not be told.
    GiveUp(GivenUp),
    /// By whoever tells: this was told after all.
    Redelivered(Sequence),
}

impl Webhook {
    /// What is told, and where, if anything is.
    pub fn tells(&self) -> Option<&WebhookSpec> {
        self.spec.as_ref().filter(|_| !self.deleted)
    }

    fn change(&self, change: &WebhookChange) -> Result<Vec<WebhookEvent>, Rejection> {
        match change {
            WebhookChange::Create(spec) if self.tells() == Some(spec) => Ok(Vec::new()),
            WebhookChange::Create(_) if self.spec.is_some() => Err(Rejection::WebhookExists),
            WebhookChange::Create(spec) => Ok(vec![WebhookEvent::Created(spec.clone())]),
            _ if self.spec.is_none() => Err(Rejection::NoWebhook),
            WebhookChange::Delete if self.deleted => Ok(Vec::new()),
            WebhookChange::Delete => Ok(vec![WebhookEvent::Deleted]),
            WebhookChange::Redeliver(_) if self.deleted => Err(Rejection::NoWebhook),
            WebhookChange::Redeliver(sequence) => match self.aside.get(sequence) {
                Some(aside) if aside.asked => Ok(Vec::new()),
                Some(_) => Ok(vec![WebhookEvent::RedeliveryAsked(RedeliveryAsked {
                    sequence: *sequence,
                })]),
                None => Err(Rejection::NotFound {
                    what: "undelivered commit",
                    id: sequence.to_string(),
                    hint: String::new(),
                }),
            },
        }
    }

    fn give_up(&self, given_up: &GivenUp) -> Result<Vec<WebhookEvent>, Rejection> {
        match self.aside.get(&given_up.sequence) {
            _ if self.deleted => Ok(Vec::new()),
            Some(aside) if !aside.asked => Ok(Vec::new()),
            None if self.aside.len() >= MAX_ASIDE => Err(Rejection::TooMany {
                what: "commits put aside by this webhook",
                limit: MAX_ASIDE,
            }),
            // Anew, when it was tried again in vain.
            _ => Ok(vec![WebhookEvent::GivenUp(given_up.clone())]),
        }
    }
}

impl Aggregate for Webhook {
    type Command = Command;
    type Event = WebhookEvent;

    fn decide(&self, command: &Envelope<Command>) -> Result<Vec<WebhookEvent>, Rejection> {
        match &command.command {
            Command::Change(change) => self.change(change),
            Command::GiveUp(given_up) => self.give_up(given_up),
            Command::Redelivered(sequence) if !self.aside.contains_key(sequence) => Ok(Vec::new()),
            Command::Redelivered(sequence) => Ok(vec![WebhookEvent::Redelivered(Redelivered {
                sequence: *sequence,
            })]),
        }
    }

    fn standing(&self) -> &'static str {
        match (&self.spec, self.deleted) {
            (None, _) => "absent",
            (_, true) => "deleted",
            (_, false) => "telling",
        }
    }

    fn evolve(&mut self, event: &WebhookEvent) {
        match event {
            WebhookEvent::Created(spec) => self.spec = Some(spec.clone()),
            WebhookEvent::GivenUp(given_up) => {
                let aside = Aside {
                    given_up: given_up.clone(),
                    asked: false,
                };
                self.aside.insert(given_up.sequence, aside);
            }
            WebhookEvent::RedeliveryAsked(RedeliveryAsked { sequence }) => {
                if let Some(aside) = self.aside.get_mut(sequence) {
                    aside.asked = true;
                }
            }
            WebhookEvent::Redelivered(Redelivered { sequence }) => {
                self.aside.remove(sequence);
            }
            WebhookEvent::Deleted => {
                self.deleted = true;
                self.aside.clear();
            }
        }
    }
}
