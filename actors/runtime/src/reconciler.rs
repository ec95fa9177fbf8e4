//! The reconciler actor: on every tick, plan on the fleet and issue what is missing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use roost_domain::reconcile::{self, Correction};
use roost_journal::port::{Message, Queue, QueueError};
use roost_schemas::command::ContentType;

use crate::fleet::FleetHandle;
use crate::port::Clock;

/// How often the fleet is looked at.
pub const TICK: Duration = Duration::from_secs(1);

/// The behaviour; see the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reconciler;

/// What it needs.
#[derive(Clone)]
pub struct Arguments {
    /// The command queue.
    pub queue: Arc<dyn Queue>,
    /// Everything there is.
    pub fleet: FleetHandle,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// The only message: look.
#[derive(Debug, Clone, Copy)]
pub struct Tick;

impl Actor for Reconciler {
    type Msg = Tick;
    type State = Arguments;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Tick>,
        args: Arguments,
    ) -> Result<Arguments, ActorProcessingErr> {
        myself.send_message(Tick)?;
        Ok(args)
    }

    async fn handle(
        &self,
        myself: ActorRef<Tick>,
        Tick: Tick,
        args: &mut Arguments,
    ) -> Result<(), ActorProcessingErr> {
        for correction in args.fleet.read(|fleet| reconcile::plan(fleet, args.clock.now())) {
            let subject = correction.subject.clone();
            if let Err(error) = issue(&*args.queue, correction).await {
                // The next tick plans it again, under the same id.
                tracing::warn!(%subject, %error, "could not issue a correction");
            }
        }
        myself.send_after(TICK, || Tick);
        Ok(())
    }
}

async fn issue(queue: &dyn Queue, correction: Correction) -> Result<(), QueueError> {
    tracing::info!(subject = %correction.subject, command = ?correction.command, "correcting");
    let message = Message {
        command_id: correction.command_id,
        principal: "reconciler".to_owned(),
        deadline: None,
        reply: None,
        content: ContentType::MessagePack,
        body: Bytes::from(correction.command.encode()),
    };
    queue.publish(&correction.subject, &message).await
}
