//! The reconciler actor: on every tick, observe, plan on the fleet, and do what is missing.
//!
//! ```text
//!   leases ─▶ Watch ──┐
//!   fleet ─▶ Deadlines┴▶ Observed ─▶ plan ─▶ revoke (compare-and-set) ─▶ HostEvent::Down ─▶ commands
//! ```
//!
//! Of leases it holds nothing that it could not observe anew: what it was counting when it died it counts from the
//! beginning, so that nobody is given up early. Of ends of time it keeps what it knows, so that nobody is ended early by a
//! clock that was set while it was away.

mod deadlines;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use roost_domain::host::{Command as HostCommand, Host};
use roost_domain::reconcile::{self, Correction, Observed};
use roost_journal::port::{Journal, LeaseError, Leases, Message, Queue, QueueError, Written};
use roost_schemas::command::{ContentType, Envelope};
use roost_schemas::event::HostDown;
use roost_schemas::lease::Lease;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, HostId, LifeId, TenantId};

use crate::fleet::FleetHandle;
use crate::port::{Clock, Keep};
use crate::{Ledger, Refusal};
use deadlines::Deadlines;
use watch::Watch;

/// How often the fleet is looked at.
pub const TICK: Duration = Duration::from_secs(1);
/// Who it is in the log.
const PRINCIPAL: &str = "reconciler";

/// The behaviour; see the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reconciler;

/// What it needs.
#[derive(Clone)]
pub struct Arguments {
    /// The event log.
    pub journal: Arc<dyn Journal>,
    /// The command queue.
    pub queue: Arc<dyn Queue>,
    /// The leases of hosts.
    pub leases: Arc<dyn Leases>,
    /// Everything there is.
    pub fleet: FleetHandle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What is known of ends of time, from life to life.
    pub keep: Arc<dyn Keep>,
}

/// What it holds between ticks.
pub struct State {
    args: Arguments,
    watch: Watch,
    deadlines: Deadlines,
}

/// The only message: look.
#[derive(Debug, Clone, Copy)]
pub struct Tick;

impl Actor for Reconciler {
    type Msg = Tick;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Tick>, args: Arguments) -> Result<State, ActorProcessingErr> {
        myself.send_message(Tick)?;
        Ok(State {
            deadlines: known(&*args.keep, args.clock.steady()).await,
            args,
            watch: Watch::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Tick>,
        Tick: Tick,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.tick().await;
        myself.send_after(TICK, || Tick);
        Ok(())
    }
}

impl State {
    async fn tick(&mut self) {
        let observed = self.observe().await;
        self.keep().await;
        let plan = self.args.fleet.read(|fleet| reconcile::plan(fleet, &observed));
        for (host, life) in plan.revoke {
            if let Err(error) = self.revoke(&host, &life).await {
                tracing::warn!(%host, %error, "could not revoke a lease");
            }
        }
        for (host, down) in plan.down {
            if let Err(error) = self.declare(&host, down).await {
                tracing::warn!(%host, %error, "could not say that a host is down");
            }
        }
        for correction in plan.corrections {
            let subject = correction.subject.clone();
            if let Err(error) = issue(&*self.args.queue, correction).await {
                // The next tick plans it again, under the same id.
                tracing::warn!(%subject, %error, "could not issue a correction");
            }
        }
    }

    async fn observe(&mut self) -> Observed {
        let Arguments {
            leases, fleet, clock, ..
        } = &self.args;
        match leases.all().await {
            // Read after the answer: the silence of a host is at least as long as it seems.
            Ok(found) => self.watch.saw(found, clock.steady()),
            Err(error) => {
                tracing::warn!(%error, "cannot tell which hosts live");
                self.watch.blind();
            }
        }
        let (now, steady) = (clock.now(), clock.steady());
        Observed {
            now,
            overdue: fleet.read(|fleet| self.deadlines.overdue(fleet, now, steady)),
            silent: self.watch.silent(),
            revoked: self.watch.revoked(),
        }
    }

    /// Keeps what is known of ends of time. What cannot be kept now is kept with what is known at the next tick.
    async fn keep(&mut self) {
        let Some(bytes) = self.deadlines.unkept() else {
            return;
        };
        match self.args.keep.save(bytes).await {
            Ok(()) => self.deadlines.kept(),
            Err(fault) => tracing::warn!(%fault, "a restart now would take the time of day at its word"),
        }
    }

    /// Takes the lease from a host, unless it has renewed it.
    async fn revoke(&mut self, host: &HostId, life: &LifeId) -> Result<(), LeaseError> {
        let Some(version) = self.watch.version(host, life) else {
            return Ok(());
        };
        let lease = Lease::Revoked {
            life: life.clone(),
            at: self.args.clock.now(),
        };
        match self.args.leases.write(host, &lease, version).await? {
            Written::Stored(_) => tracing::error!(%host, %life, "a host is silent; its lease is revoked"),
            Written::Overtaken(_) => tracing::info!(%host, "a host has renewed its lease just in time"),
        }
        Ok(())
    }

    /// Says in the log that a host is down.
    async fn declare(&self, host: &HostId, down: HostDown) -> Result<(), Refusal> {
        let subject = EventSubject {
            tenant: TenantId::system(),
            aggregate: AggregateId::Host(host.clone()),
        };
        let mut ledger = Ledger::<Host>::load(Arc::clone(&self.args.journal), subject).await?;
        let envelope = Envelope {
            command_id: CommandId::of_host(host, &down.life, "down"),
            at: self.args.clock.now(),
            principal: PRINCIPAL.to_owned(),
            command: HostCommand::Down(down),
        };
        ledger.execute(&envelope).await.map(|_| ())
    }
}

/// What an earlier life knew of ends of time. Without it the time of day is taken at its word once more.
async fn known(keep: &dyn Keep, steady: Duration) -> Deadlines {
    let found = match keep.load().await {
        Ok(found) => found,
        Err(fault) => {
            tracing::warn!(%fault, "what was known of ends of time is lost");
            None
        }
    };
    let restored = found.map(|bytes| Deadlines::restore(&bytes, steady));
    restored
        .unwrap_or_else(|| Ok(Deadlines::default()))
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "what was known of ends of time is of no use");
            Deadlines::default()
        })
}

async fn issue(queue: &dyn Queue, correction: Correction) -> Result<(), QueueError> {
    tracing::info!(subject = %correction.subject, command = ?correction.command, "correcting");
    let message = Message {
        command_id: correction.command_id,
        principal: PRINCIPAL.to_owned(),
        deadline: None,
        reply: None,
        trace: None,
        content: ContentType::MessagePack,
        body: Bytes::from(correction.command.encode()),
    };
    queue.publish(&correction.subject, &message).await
}
