//! A template: the base image that sandboxes start from.

use roost_schemas::command::Envelope;
use roost_schemas::event::{TemplateEvent, TemplateRegistered};
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

/// What is known of one template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its content, once a host has brought it.
    pub registered: Option<TemplateRegistered>,
}

/// What may be asked of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Let sandboxes start from this content; from what is already so, nothing follows.
    Register(TemplateRegistered),
}

impl Aggregate for Template {
    type Command = Command;
    type Event = TemplateEvent;

    fn decide(&self, command: &Envelope<Command>) -> Result<Vec<TemplateEvent>, Rejection> {
        let Command::Register(registered) = &command.command;
        crate::sandbox::check_resources(registered.defaults)?;
        Ok(if self.registered.as_ref() == Some(registered) {
            Vec::new()
        } else {
            vec![TemplateEvent::Registered(registered.clone())]
        })
    }

    fn evolve(&mut self, event: &TemplateEvent) {
        let TemplateEvent::Registered(registered) = event;
        self.registered = Some(registered.clone());
    }
}
