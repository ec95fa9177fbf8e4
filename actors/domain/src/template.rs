//! A template: what sandboxes start from, an image that a host has brought or a snapshot of a sandbox.
//!
//! ```text
//!  (unknown) ──register──▶ Image             an image stays
//!      │ ▲
//!  save│ │delete
//!      ▼ │
//!    Snapshot                                what runs from a deleted one runs on
//! ```

use roost_schemas::command::Envelope;
use roost_schemas::event::{TemplateEvent, TemplateFromSnapshot, TemplateRegistered};
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

/// What is known of one template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its image, once a host has brought it.
    pub registered: Option<TemplateRegistered>,
    /// The snapshot that it is.
    pub saved: Option<TemplateFromSnapshot>,
}

/// What may be asked of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Let sandboxes start from this image; from what is already so, nothing follows.
    Register(TemplateRegistered),
    /// Let sandboxes start from this snapshot.
    Save(TemplateFromSnapshot),
    /// Let none start from it any more.
    Delete,
}

impl Template {
    /// Whether sandboxes can start from it.
    pub fn is_there(&self) -> bool {
        self.registered.is_some() || self.saved.is_some()
    }
}

impl Aggregate for Template {
    type Command = Command;
    type Event = TemplateEvent;

    fn decide(&self, command: &Envelope<Command>) -> Result<Vec<TemplateEvent>, Rejection> {
        match &command.command {
            Command::Register(registered) => {
                crate::sandbox::check_resources(registered.defaults)?;
                Ok(if self.registered.as_ref() == Some(registered) {
                    Vec::new()
                } else {
                    vec![TemplateEvent::Registered(registered.clone())]
                })
            }
            Command::Save(saved) => {
                if self.saved.as_ref() == Some(saved) {
                    return Ok(Vec::new());
                }
                if self.is_there() {
                    return Err(Rejection::TemplateExists);
                }
                Ok(vec![TemplateEvent::Saved(saved.clone())])
            }
            Command::Delete if self.registered.is_some() => Err(Rejection::TemplateIsImage),
            Command::Delete if self.saved.is_none() => Ok(Vec::new()),
            Command::Delete => Ok(vec![TemplateEvent::Deleted]),
        }
    }

    fn standing(&self) -> &'static str {
        match (&self.registered, &self.saved) {
            (Some(_), _) => "image",
            (None, Some(_)) => "saved",
            (None, None) => "deleted",
        }
    }

    fn evolve(&mut self, event: &TemplateEvent) {
        match event {
            TemplateEvent::Registered(registered) => self.registered = Some(registered.clone()),
            TemplateEvent::Saved(saved) => self.saved = Some(saved.clone()),
            TemplateEvent::Deleted => self.saved = None,
        }
    }
}
