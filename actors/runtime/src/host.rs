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

mod admission;
mod announce;
mod collect;
mod context;
mod gate;
mod recover;
mod rests;
mod serve;
mod supervise;
mod tenure;

pub use announce::{announce, drain};
pub use collect::{NotCollected, collect, collect_once};
pub use context::{Context, Turns};
pub use gate::Gate;
pub(crate) use recover::insist;
pub use recover::{Mine, mine, sweep, wake};
pub use rests::Rests;
pub use serve::serve;
pub use tenure::{MARGIN, Over, TTL, Tenure, Terms};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorRuntime, MessagingErr, SupervisionEvent};
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
    /// An actor has nothing left to do.
    Retire {
        /// Which; a later actor of the same sandbox is not meant.
        actor: ActorId,
        /// How many of the host's messages it has handled. If more are on their way, it stays.
        heard: u64,
    },
}

type Key = (TenantId, SandboxId);

/// When a command comes again whose actor could not take it.
const REDELIVER_AFTER: Duration = Duration::from_secs(1);

/// The behaviour; see the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostActor;

/// What the host actor holds.
pub struct State {
    context: Arc<Context>,
    actors: HashMap<Key, Child>,
    keys: HashMap<ActorId, Key>,
    /// Those whose actor panicked, until they are woken: whoever started one meanwhile would spare it the pause, and
    /// let it fold a log that the panic is not yet in.
    resting: HashSet<Key>,
}

struct Child {
    actor: ActorRef<Message>,
    /// Messages it was sent.
    sent: u64,
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
            resting: HashSet::new(),
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
                if state.resting.contains(&key) {
                    put_off(Message::Deliver(delivery));
                } else {
                    state.send(&myself, &key, Message::Deliver(delivery));
                }
            }
            HostMessage::Wake { tenant, sandbox } => {
                let key = (tenant, sandbox);
                state.resting.remove(&key);
                state.send(&myself, &key, Message::Wake);
            }
            HostMessage::Retire { actor, heard } => {
                if let Some(actor) = state.retire(actor, heard) {
                    // It may have panicked just now, which is as good.
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
                    state.resting.insert(key.clone());
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
        if !self.actors.contains_key(key) {
            self.start(myself, key);
        }
        let Some(child) = self.actors.get_mut(key) else {
            return put_off(message);
        };
        child.sent += 1;
        if let Err(MessagingErr::SendErr(message)) = child.actor.send_message(message) {
            // It panicked just now: the event that tells of it is on its way, and must find whose it was.
            put_off(message);
        }
    }

    fn start(&mut self, myself: &ActorRef<HostMessage>, key: &Key) {
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
                self.actors.insert(key.clone(), Child { actor, sent: 0 });
            }
            Err(error) => tracing::error!(sandbox = %key.1, %error, "cannot start a sandbox actor"),
        }
    }

    /// Forgets an actor that has nothing left to do, unless it was sent something since it said so.
    fn retire(&mut self, id: ActorId, heard: u64) -> Option<ActorRef<Message>> {
        let key = self.keys.get(&id)?.clone();
        if self.actors.get(&key)?.sent != heard {
            return None;
        }
        self.keys.remove(&id);
        self.actors.remove(&key).map(|child| child.actor)
    }

    /// Forgets the actor that ended; answers whose it was, unless it was forgotten before.
    fn lost(&mut self, id: ActorId) -> Option<Key> {
        let key = self.keys.remove(&id)?;
        self.actors.remove(&key);
        Some(key)
    }
}

/// Lets a command come again a little later. Anything else is said again by who starts the actor anew.
fn put_off(message: Message) {
    let Message::Deliver(delivery) = message else {
        return;
    };
    tokio::spawn(async move {
        if let Err(error) = delivery.settle.later(REDELIVER_AFTER).await {
            tracing::warn!(command = %delivery.message.command_id, %error, "it will be delivered again");
        }
    });
}
