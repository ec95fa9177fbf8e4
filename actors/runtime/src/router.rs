//! The router: takes commands that name no host, places new sandboxes, and forwards the rest to their owners.
//!
//! ```text
//!   roost.cmd.<tenant>.any.<sandbox>
//!        ├─ create ─▶ place ─▶ commit Requested, Placed ─▶ answer ─▶ Start to the chosen host
//!        └─ others ─▶ forward to the owner, which answers
//! ```

mod create;
mod forward;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use roost_domain::Rejection;
use roost_journal::port::{Delivery, Journal, Queue, QueueError};
use roost_schemas::command::SandboxCommand;
use roost_schemas::reply::Reply;
use roost_schemas::subject::Route;

use crate::Refusal;
use crate::fleet::FleetHandle;
use crate::port::Clock;

/// How long to wait before a queue that refused is asked again, and before a command that met a silent log is.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the router needs.
pub struct Router {
    /// The event log.
    pub journal: Arc<dyn Journal>,
    /// The command queue.
    pub queue: Arc<dyn Queue>,
    /// Everything there is, as far as it is folded.
    pub fleet: FleetHandle,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// What becomes of a routed command.
enum Routed {
    /// The router itself is to answer.
    Answer(Reply),
    /// Somebody else answers.
    Forwarded,
}

/// Why a command could not be routed now.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl From<Rejection> for Obstacle {
    fn from(rejection: Rejection) -> Self {
        Self::Refusal(rejection.into())
    }
}

impl Router {
    /// Routes until it is dropped. One command at a time: a placement must see the one before it.
    pub async fn run(&self) {
        loop {
            match self.queue.consume(&Route::Any).await {
                Ok(mut deliveries) => {
                    while let Some(delivery) = deliveries.next().await {
                        match delivery {
                            Ok(delivery) => self.handle(delivery).await,
                            Err(error) => tracing::warn!(%error, "the command queue stutters"),
                        }
                    }
                    tracing::warn!("the command queue ended; it is taken up again");
                }
                Err(error) => tracing::warn!(%error, "cannot take commands yet"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn handle(&self, delivery: Delivery) {
        let command = delivery.message.command_id.clone();
        let settled = match self.route(&delivery).await {
            Ok(Routed::Forwarded) => delivery.settle.done().await,
            Ok(Routed::Answer(reply)) => self.answer(delivery, &reply).await,
            Err(Obstacle::Refusal(Refusal::Rejected(rejection))) => {
                self.answer(delivery, &Reply::Rejected(rejection.into())).await
            }
            Err(error) => {
                tracing::error!(%command, %error, "a command has to wait");
                delivery.settle.later(RETRY_AFTER).await
            }
        };
        if let Err(error) = settled {
            tracing::warn!(%command, %error, "it will be delivered again");
        }
    }

    async fn route(&self, delivery: &Delivery) -> Result<Routed, Obstacle> {
        let message = &delivery.message;
        if let Some(late) = message.deadline.map(|deadline| self.clock.now().since(deadline))
            && !late.is_zero()
        {
            let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            return Err(Rejection::DeadlinePassed { late_ms }.into());
        }
        if message.command_id.is_report() {
            return Err(Rejection::ReservedId(message.command_id.clone()).into());
        }
        match SandboxCommand::decode(message.content, &message.body).map_err(Rejection::from)? {
            SandboxCommand::Create(create) => self.create(delivery, create).await,
            _ => self.forward(delivery).await,
        }
    }

    async fn answer(&self, delivery: Delivery, reply: &Reply) -> Result<(), QueueError> {
        self.queue.answer(&delivery.message, reply).await?;
        delivery.settle.done().await
    }
}
