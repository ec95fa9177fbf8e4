//! The router: takes commands that name no host, places new sandboxes, and forwards the rest to their owners.
//!
//! ```text
//!   roost.cmd.<tenant>.any.<sandbox>, and .client. where a tenant's own clients ask
//!        ├─ a client's, and too many in this second ─▶ refused, unread
//!        ├─ create ─▶ place, within the tenant's limits ─▶ commit Requested, Placed ─▶ answer ─▶ Start to the chosen host
//!        ├─ delete a template ─▶ commit Deleted ─▶ answer
//!        ├─ change a tenant, a webhook ─▶ commit ─▶ answer
//!        ├─ resume ─▶ is there room, and within the limits? ─▶ forward
//!        ├─ host down ─▶ commit Lost, or Reverted ─▶ the same to that host, for when it comes back
//!        └─ others ─▶ forward to the owner, which answers
//! ```

mod client;
mod create;
mod forward;
mod host_down;
mod outside;
mod resume;
mod template;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use roost_domain::Rejection;
use roost_domain::limits::Promised;
use roost_domain::rate::Rates;
use roost_domain::webhook::Targets;
use roost_journal::port::{Deliveries, Delivery, Journal, Queue, QueueError};
use roost_schemas::command::SandboxCommand;
use roost_schemas::reply::{Accepted, Code, Rejected, Reply};
use roost_schemas::subject::Route;
use tokio::time::Instant;
use tracing::Instrument;

use crate::fleet::{FleetHandle, NotCaughtUp};
use crate::port::Clock;
use crate::{Done, Refusal, intake, observe};

/// Where commands are decided here, among figures.
const HOP: &str = "router";

/// How long to wait before a queue that refused is asked again, and before a command that met a silent log is.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long the router waits for what it has done to show in the fleet before it takes the next command.
const FOLD_PATIENCE: Duration = Duration::from_secs(2);

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
    /// Where webhooks may go.
    pub targets: Targets,
}

/// What a router remembers from one command to the next; all else stands in the log.
#[derive(Debug, Default)]
struct Desk {
    /// What tenants' clients have sent of late.
    rates: Rates,
    /// Resumes that do not show yet.
    promised: Promised,
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
    /// Its owner has more commands than fit; nothing has come of this one.
    #[error(transparent)]
    Full(QueueError),
}

impl Obstacle {
    /// The caller's answer; nothing when the command is to wait.
    fn answer(&self) -> Option<Reply> {
        match self {
            Self::Refusal(refusal) => refusal.answer(),
            Self::Queue(_) => None,
            Self::Full(error) => Some(Reply::Rejected(Rejected {
                code: Code::Unavailable,
                message: error.to_string(),
            })),
        }
    }
}

impl From<Rejection> for Obstacle {
    fn from(rejection: Rejection) -> Self {
        Self::Refusal(rejection.into())
    }
}

impl Router {
    /// Routes until it is dropped. One command at a time: a placement must see the one before it.
    pub async fn run(&self) {
        let mut desk = Desk::default();
        loop {
            match self.deliveries().await {
                Ok(mut deliveries) => {
                    while let Some(delivery) = deliveries.next().await {
                        match delivery {
                            Ok(delivery) => {
                                let span = observe::command(HOP, &delivery, &*self.clock);
                                self.handle(&mut desk, delivery).instrument(span).await;
                            }
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

    /// What comes from within and from outside, in turn, so that neither keeps the other waiting.
    async fn deliveries(&self) -> Result<Deliveries, QueueError> {
        let within = self.queue.consume(&Route::Any).await?;
        let outside = self.queue.consume(&Route::Client).await?;
        Ok(futures::stream::select(within, outside).boxed())
    }

    async fn handle(&self, desk: &mut Desk, mut delivery: Delivery) {
        if let Err(too_fast) = self.pace(&mut desk.rates, &delivery) {
            return self.turn_away(delivery, too_fast);
        }
        let command = delivery.message.command_id.clone();
        let began = Instant::now();
        let opened = intake::open(&delivery.message);
        let opened = opened.and_then(|command| client::admit(&mut delivery, command));
        let kind = observe::kind(&opened);
        let routed = match opened {
            Ok(command) => self.route(desk, &delivery, command).await,
            Err(rejection) => Err(rejection.into()),
        };
        let outcome = match &routed {
            Ok(Routed::Forwarded) => "forwarded",
            Ok(Routed::Answer(reply)) => observe::outcome(Some(reply)),
            Err(obstacle) => observe::outcome(obstacle.answer().as_ref()),
        };
        observe::decided(HOP, kind, outcome, began);
        let settled = match routed {
            Ok(Routed::Forwarded) => delivery.settle.done().await,
            Ok(Routed::Answer(reply)) => intake::conclude(&*self.queue, delivery, &reply).await,
            Err(obstacle) => {
                if let Some(reply) = obstacle.answer() {
                    intake::conclude(&*self.queue, delivery, &reply).await
                } else {
                    tracing::error!(%command, error = %obstacle, "a command has to wait");
                    delivery.settle.later(RETRY_AFTER).await
                }
            }
        };
        if let Err(error) = settled {
            tracing::warn!(%command, %error, "it will be delivered again");
        }
    }

    /// Waits until the fleet has what was decided before. Commands are decided one at a time, but what this router, or the
    /// one it succeeds, has committed may not be folded yet.
    async fn see_all(&self) -> Result<(), Refusal> {
        let caught_up = self.fleet.catch_up(&*self.journal, FOLD_PATIENCE).await;
        caught_up.map_err(|late| match late {
            NotCaughtUp::Journal(error) => Refusal::Journal(error),
            NotCaughtUp::Fold(waited) => Refusal::Behind(waited.to_string()),
        })
    }

    /// The answer to what was accepted, once the next command finds it in the fleet.
    async fn accepted(&self, done: Done) -> Routed {
        let Done { sequence, state } = done;
        self.fleet.wait_for(sequence, FOLD_PATIENCE).await;
        let state = state.to_owned();
        Routed::Answer(Reply::Accepted(Accepted { sequence, state }))
    }

    async fn route(
        &self,
        desk: &mut Desk,
        delivery: &Delivery,
        command: SandboxCommand,
    ) -> Result<Routed, Obstacle> {
        match command {
            SandboxCommand::Create(create) => self.create(&mut desk.promised, delivery, create).await,
            SandboxCommand::DeleteTemplate(delete) => self.delete_template(delivery, delete).await,
            SandboxCommand::Resume(resume) => self.resume(&mut desk.promised, delivery, resume).await,
            SandboxCommand::HostDown(down) => self.host_down(delivery, down).await,
            SandboxCommand::Tenant(change) => self.change_tenant(delivery, change).await,
            SandboxCommand::Webhook(change) => self.change_webhook(delivery, change).await,
            // Whether it is late is for the owner to say, who knows whether it has been done before.
            _ => self.forward(delivery).await,
        }
    }
}
