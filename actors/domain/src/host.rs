//! A host: one machine that runs engines.
//!
//! ```text
//! (unknown) ── register ──▶ Taking ── drain ──▶ Drained ── register ──▶ Taking
//!                              └────────┬──────────┘
//!                                    silent ──▶ Down ── register ──▶ Taking
//! ```

use roost_schemas::LifeId;
use roost_schemas::command::Envelope;
use roost_schemas::event::{HostDown, HostEvent, HostRegistered};
use serde::{Deserialize, Serialize};

use crate::{Aggregate, Rejection};

/// What is known of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What it last said of itself.
    pub registered: Option<HostRegistered>,
    /// Whether it takes no more sandboxes.
    pub drained: bool,
    /// The life of its agent that was silent for longer than its lease, until it registers again.
    pub down: Option<LifeId>,
}

/// What may be asked of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// It has come up, and is this.
    Register(HostRegistered),
    /// It is to take no more sandboxes.
    Drain,
    /// A life of its agent has lost its lease.
    Down(HostDown),
}

impl Host {
    /// What it is, if sandboxes may be placed on it.
    pub fn taking(&self) -> Option<&HostRegistered> {
        let takes = !self.drained && self.down.is_none();
        self.registered.as_ref().filter(|_| takes)
    }

    /// Whether what `down` tells is news of it: it is not down already, and no later life has registered since.
    pub fn runs_by(&self, down: &HostDown) -> bool {
        let registered = self.registered.as_ref();
        self.down.is_none() && registered.is_some_and(|registered| registered.lease <= down.lease)
    }
}

impl Aggregate for Host {
    type Command = Command;
    type Event = HostEvent;

    fn decide(&self, command: &Envelope<Command>) -> Result<Vec<HostEvent>, Rejection> {
        Ok(match &command.command {
            Command::Register(new) if self.taking() == Some(new) => Vec::new(),
            Command::Register(new) => vec![HostEvent::Registered(new.clone())],
            Command::Drain if self.drained || self.registered.is_none() => Vec::new(),
            Command::Drain => vec![HostEvent::Drained],
            Command::Down(down) if self.runs_by(down) => vec![HostEvent::Down(down.clone())],
            Command::Down(_) => Vec::new(),
        })
    }

    fn standing(&self) -> &'static str {
        match (&self.registered, &self.down) {
            (None, _) => "absent",
            (_, Some(_)) => "down",
            _ if self.drained => "drained",
            _ => "taking",
        }
    }

    fn evolve(&mut self, event: &HostEvent) {
        match event {
            HostEvent::Registered(registered) => {
                *self = Self {
                    registered: Some(registered.clone()),
                    drained: false,
                    down: None,
                };
            }
            HostEvent::Drained => self.drained = true,
            HostEvent::Down(down) => self.down = Some(down.life.clone()),
        }
    }
}
