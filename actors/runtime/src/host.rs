//! The host actor: supervises the sandbox actors of one machine and hands them their commands.
//!
//! ```text
//!   queue ─▶ serve ─▶ HostActor ─▶ SandboxActor (one per sandbox that has something to do)
//!                        ▲  │
//!          panic, Retire │  │ record the crash, wait, start anew
//!                        └──┘
//! ```
//!
//! Whatever becomes of a sandbox actor, the host goes on.

mod announce;
mod context;
mod recover;
mod serve;
mod supervise;

pub use announce::{announce, drain};
pub use context::{Context, Turns};
pub use recover::{mine, sweep, wake};
pub use serve::serve;

use std::collections::HashMap;
use std::sync::Arc;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime, SupervisionEvent};
use roost_journal::port::Delivery;
use roost_schemas::{SandboxId, TenantId};

use crate::sandbox::{Arguments, Message, SandboxActor};

/// A message to the host actor.
pub enum HostMessage {
    /// A command from the queue, for the actor of its sandbox.
    Deliver(Box<Delivery>),
    /// Start the sandbox's actor, which looks itself what there is to do.
    Wake {
        /// Whose sandbox.
        tenant: TenantId,
        /// Which.
        sandbox: SandboxId,
    },
    /// The sandbox's actor has nothing left to do.
    Retire {
        /// Whose sandbox.
        tenant: TenantId,
        /// Which.
        sandbox: SandboxId,
    },
}

type Key = (TenantId, SandboxId);

/// The behaviour; see the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostActor;

/// What the host actor holds.
pub struct State {
    context: Arc<Context>,
    actors: HashMap<Key, ActorRef<Message>>,
    keys: HashMap<ActorId, Key>,
}

impl Actor for HostActor {
    type Msg = HostMessage;
    type State = State;
    type Arguments = Arc<Context>;

    async fn pre_start(
        &self,
        _myself: ActorRef<HostMessage>,
        context: Arc<Context>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State {
            context,
            actors: HashMap::new(),
            keys: HashMap::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<HostMessage>,
        message: HostMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HostMessage::Deliver(delivery) => {
                let key = (delivery.subject.tenant.clone(), delivery.subject.sandbox.clone());
                state.send(&myself, &key, Message::Deliver(delivery));
            }
            HostMessage::Wake { tenant, sandbox } => {
                state.send(&myself, &(tenant, sandbox), Message::Pursue);
            }
            HostMessage::Retire { tenant, sandbox } => {
                // Forgotten first, told then: what is sent later goes to a new actor, what was sent earlier is read.
                if let Some(actor) = state.forget(&(tenant, sandbox)) {
                    let _ = actor.send_message(Message::Leave);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<HostMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                if let Some(key) = state.lost(cell.get_id()) {
                    supervise::restart(Arc::clone(&state.context), myself, key, error.to_string());
                }
            }
            SupervisionEvent::ActorTerminated(cell, ..) => {
                state.lost(cell.get_id());
            }
            _ => {}
        }
        Ok(())
    }
}

impl State {
    fn send(&mut self, myself: &ActorRef<HostMessage>, key: &Key, message: Message) {
        let actor = match self.actors.get(key) {
            Some(actor) => actor.clone(),
            None => match self.start(myself, key) {
                Some(actor) => actor,
                None => return,
            },
        };
        if actor.send_message(message).is_err() {
            // It ended just now. The queue delivers again what was not settled.
            self.forget(key);
        }
    }

    fn start(&mut self, myself: &ActorRef<HostMessage>, key: &Key) -> Option<ActorRef<Message>> {
        let (tenant, sandbox) = key.clone();
        let args = Arguments {
            tenant,
            sandbox,
            context: Arc::clone(&self.context),
            host: myself.clone(),
        };
        match ActorRuntime::spawn_linked_instant(None, SandboxActor, args, myself.get_cell()) {
            Ok((actor, _started)) => {
                self.keys.insert(actor.get_id(), key.clone());
                self.actors.insert(key.clone(), actor.clone());
                Some(actor)
            }
            Err(error) => {
                tracing::error!(sandbox = %key.1, %error, "cannot start a sandbox actor");
                None
            }
        }
    }

    fn forget(&mut self, key: &Key) -> Option<ActorRef<Message>> {
        let actor = self.actors.remove(key)?;
        self.keys.remove(&actor.get_id());
        Some(actor)
    }

    /// Forgets the actor that ended; answers whose it was, unless it was forgotten before.
    fn lost(&mut self, id: ActorId) -> Option<Key> {
        let key = self.keys.remove(&id)?;
        self.actors.remove(&key);
        Some(key)
    }
}
