//! A host: one machine that runs engines.
//!
//! ```text
//! (unknown) ── register ──▶ Taking ── drain ──▶ Drained ── register ──▶ Taking
//! ```

use roost_schemas::command::Envelope;
use roost_schemas::event::{HostEvent, HostRegistered};
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

/// What is known of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What it last said of itself.
    pub registered: Option<HostRegistered>,
    /// Whether it takes no more sandboxes.
    pub drained: bool,
}

/// What may be asked of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// It has come up, and is this.
    Register(HostRegistered),
    /// It is to take no more sandboxes.
    Drain,
}

impl Host {
    /// What it is, if sandboxes may be placed on it.
    pub fn taking(&self) -> Option<&HostRegistered> {
        self.registered.as_ref().filter(|_| !self.drained)
    }
}

impl Aggregate for Host {
    type Command = Command;
    type Event = HostEvent;

    fn decide(&self, command: &Envelope<Command>) -> Result<Vec<HostEvent>, Rejection> {
        Ok(match &command.command {
            Command::Register(new) if self.taking() == Some(new) => Vec::new(),
            Command::Register(new) => vec![HostEvent::Registered(new.clone())],
            Command::Drain if self.taking().is_none() => Vec::new(),
            Command::Drain => vec![HostEvent::Drained],
        })
    }

    fn evolve(&mut self, event: &HostEvent) {
        match event {
            HostEvent::Registered(registered) => {
                *self = Self {
                    registered: Some(registered.clone()),
                    drained: false,
                };
            }
            HostEvent::Drained => self.drained = true,
        }
    }
}
