//! What a sandbox actor holds between messages, and how it takes steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use roost_domain::Rejection;
use roost_domain::sandbox::{Command, Sandbox};
use roost_schemas::command::Envelope;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, Generation, Owner, ProcessId, SandboxId, Sequence, TenantId};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Span;

use super::process::{Course, Courses};
use super::step::{self, Hold, Step};
use super::steps::Task;
use super::{Message, Report, outlet};
use crate::host::{Context, HostMessage};
use crate::{Done, Ledger, Refusal};

/// How long the actor waits before it asks a log again that did not answer.
pub(super) const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// The same for a log that answers with what cannot be read: only another release makes that better.
const UNREADABLE_PATIENCE: Duration = Duration::from_secs(30);

/// What a sandbox actor is started with.
#[derive(Clone)]
pub struct Arguments {
    /// Whose sandbox.
    pub tenant: TenantId,
    /// Which.
    pub sandbox: SandboxId,
    /// What all actors of this host share.
    pub context: Arc<Context>,
    /// Its supervisor, which it tells when it may be forgotten.
    pub host: ActorRef<HostMessage>,
}

/// See the module.
pub struct State {
    pub(super) myself: ActorRef<Message>,
    pub(super) args: Arguments,
    pub(super) ledger: Option<Ledger<Sandbox>>,
    /// The step under way, if any; at most one.
    flight: Option<Flight>,
    /// The VM's watch; dropping it ends the watching, not the VM.
    pub(super) watch: Option<DropGuard>,
    /// Ends the following of its guest's audit feed.
    pub(super) audit: Option<DropGuard>,
    /// What its slot is known to carry out.
    pub(super) applied: Option<NetworkPolicy>,
    /// The newest placement that this life of the actor has freed after a pause.
    pub(super) freed: Generation,
    /// What it is paused as could not be written anew in this life of the actor.
    pub(super) uncompactable: bool,
    /// Everything was released in this life of the actor.
    pub(super) released: bool,
    /// Programs whose end this life of the actor tells.
    pub(super) carried: BTreeSet<ProcessId>,
    /// Programs that an earlier life left running.
    pub(super) orphans: BTreeSet<ProcessId>,
    /// Where programs run now; over with the actor, which can tell their ends no more: its next life does.
    pub(super) courses: Courses,
    /// It will look again by itself, because the log could not be folded.
    pub(super) waits: bool,
    /// Messages of the host that were handled.
    pub(super) heard: u64,
    /// How many they were when this actor last asked to be forgotten.
    retires: Option<u64>,
}

struct Flight {
    step: Step,
    generation: Generation,
    /// What it was ordered in, and what its report goes on with.
    origin: Span,
    cancel: CancellationToken,
    /// Cancels with the actor, so that a step does not outlive its orderer by long.
    _guard: DropGuard,
}

impl State {
    pub(super) fn new(myself: ActorRef<Message>, args: Arguments) -> Self {
        Self {
            myself,
            args,
            ledger: None,
            flight: None,
            watch: None,
            audit: None,
            applied: None,
            freed: Generation::default(),
            uncompactable: false,
            released: false,
            carried: BTreeSet::new(),
            orphans: BTreeSet::new(),
            courses: Courses::new(),
            waits: false,
            heard: 0,
            retires: None,
        }
    }

    pub(super) fn subject(&self) -> EventSubject {
        EventSubject::sandbox(self.args.tenant.clone(), self.args.sandbox.clone())
    }

    pub(super) fn owner(&self, generation: Generation) -> Owner {
        Owner {
            sandbox: self.args.sandbox.clone(),
            generation,
        }
    }

    /// The ledger, read from the log if this is the first time it is needed.
    pub(super) async fn ledger(&mut self) -> Result<&mut Ledger<Sandbox>, Refusal> {
        if self.ledger.is_none() {
            let journal = Arc::clone(&self.args.context.journal);
            let ledger: Ledger<Sandbox> = Ledger::load(journal, self.subject()).await?;
            self.orphans = ledger.state().commanded();
            self.ledger = Some(ledger);
        }
        Ok(self.ledger.as_mut().expect("it was just loaded"))
    }

    /// The sandbox as it is known, without asking the log.
    pub(super) fn known(&self) -> Option<&Sandbox> {
        self.ledger.as_ref().map(Ledger::state)
    }

    /// Refuses what is meant for a sandbox of another host.
    pub(super) fn check_here(&self) -> Result<(), Rejection> {
        let here = &self.args.context.host;
        match self.known().and_then(|sandbox| sandbox.placed.as_ref()) {
            Some(placed) if placed.host != *here => Err(Rejection::NotHere {
                owner: placed.host.to_string(),
                asked: here.to_string(),
            }),
            Some(_) => Ok(()),
            None => {
                let id = self.args.sandbox.to_string();
                Err(Rejection::NotFound {
                    what: "sandbox",
                    id,
                    hint: String::new(),
                })
            }
        }
    }

    /// Lets what this host has seen take effect. `fact` names it within its generation, so that it counts once.
    pub(super) async fn tell(
        &mut self,
        generation: Generation,
        fact: &str,
        command: Command,
    ) -> Result<Done, Refusal> {
        let envelope = Envelope {
            command_id: CommandId::report(&self.args.sandbox, generation, fact),
            at: self.args.context.clock.now(),
            principal: format!("host:{}", self.args.context.host),
            command,
        };
        let ledger = self.ledger().await?;
        let open = ledger.state().commanded();
        let done = ledger.execute(&envelope).await?;
        self.close_outputs(open, done.sequence);
        Ok(done)
    }

    /// Of the programs that were `open`, those whose end was told with their sandbox's. Who is carried tells it himself.
    fn close_outputs(&self, open: BTreeSet<ProcessId>, sequence: Sequence) {
        let Some(sandbox) = self.known() else { return };
        let closed = open
            .into_iter()
            .filter(|process| !sandbox.processes.contains_key(process) && !self.carried.contains(process));
        let Arguments {
            tenant,
            sandbox,
            context,
            ..
        } = &self.args;
        outlet::close(context, tenant, sandbox, closed, sequence);
    }

    /// Tells the log, and if it cannot be reached has `again` said to this actor a little later.
    ///
    /// Answers whether it is told; a rejection means that the report came too late to matter, which is as good.
    pub(super) fn settled(&self, told: Result<Done, Refusal>, again: impl FnOnce() -> Report) -> bool {
        match told {
            Ok(_) => true,
            Err(Refusal::Rejected(rejection)) => {
                tracing::debug!(sandbox = %self.args.sandbox, %rejection, "report came too late");
                true
            }
            Err(refusal) => {
                tracing::warn!(sandbox = %self.args.sandbox, error = %refusal, "report is told again");
                self.later(LOG_PATIENCE, again().into());
                false
            }
        }
    }

    /// Says `message` to this actor after a while.
    pub(super) fn later(&self, after: Duration, message: Message) {
        let myself = self.myself.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // An actor that is gone by then was replaced by one that looks at the state itself.
            let _ = myself.send_message(message);
        });
    }

    /// Takes the step that the state calls for, unless it is under way.
    pub(super) async fn pursue(&mut self) {
        if self.retires == Some(self.heard) {
            // The host has forgotten this actor and may have started another, which a step of this one would hinder; or
            // it has sent more, which leads here again.
            return;
        }
        if let Err(refusal) = self.ledger().await.map(|_| ()) {
            tracing::error!(sandbox = %self.args.sandbox, error = %refusal, "cannot fold the log");
            // Once: every command that comes meanwhile leads here, too.
            if !std::mem::replace(&mut self.waits, true) {
                let patience = if refusal.is_unreadable() {
                    UNREADABLE_PATIENCE
                } else {
                    LOG_PATIENCE
                };
                self.later(patience, Message::Pursue);
            }
            return;
        }
        if self.check_here().is_err() {
            // Whoever places it here appends to the log, so what is known now is of no use then.
            self.ledger = None;
            self.retire();
            return;
        }
        let Some(sandbox) = self.known().cloned() else {
            return;
        };
        self.keep_programs(&sandbox);
        self.keep_audit(&sandbox);
        self.advance(sandbox);
    }

    /// Takes the step that `sandbox` calls for, unless one is under way.
    pub(super) fn advance(&mut self, sandbox: Sandbox) {
        if let Some(flight) = &self.flight {
            // What is no longer wanted is told to end; its report brings us here again.
            if !flight.step.is_wanted(&sandbox) {
                flight.cancel.cancel();
            }
            return;
        }
        let held = step::Held {
            vm: match &self.watch {
                None => Hold::None,
                Some(_) if self.applied.as_ref() == Some(&sandbox.network) => Hold::Applied,
                Some(_) => Hold::Attached,
            },
            freed: self.freed,
            uncompactable: self.uncompactable,
            released: self.released,
        };
        match step::next(&sandbox, held) {
            Some(step) => self.take(step, sandbox),
            None if sandbox.phase.is_end() && self.carried.is_empty() => self.retire(),
            None => {}
        }
    }

    fn take(&mut self, step: Step, sandbox: Sandbox) {
        let generation = match step {
            Step::Free(generation) => generation,
            _ => sandbox.generation(),
        };
        let cancel = CancellationToken::new();
        let task = Task {
            context: Arc::clone(&self.args.context),
            tenant: self.args.tenant.clone(),
            owner: self.owner(generation),
            sandbox,
            seen: self.sequence(),
            cancel: cancel.clone(),
            myself: self.myself.clone(),
        };
        self.flight = Some(Flight {
            step: step.clone(),
            generation,
            origin: Span::current(),
            _guard: cancel.clone().drop_guard(),
            cancel,
        });
        task.spawn(step);
    }

    /// The last commit that is folded in.
    pub(super) fn sequence(&self) -> Sequence {
        let folded = self.ledger.as_ref().map(|ledger| ledger.folded().sequence);
        folded.unwrap_or_default()
    }

    /// What the step under way was ordered in: a command, as a rule.
    pub(super) fn origin(&self) -> Span {
        self.flight
            .as_ref()
            .map_or_else(Span::none, |flight| flight.origin.clone())
    }

    /// The step of `generation` has reported; the next may be taken.
    pub(super) fn landed(&mut self, generation: Generation) {
        self.flight.take_if(|flight| flight.generation == generation);
    }

    fn retire(&mut self) {
        self.retires = Some(self.heard);
        let forget = HostMessage::Retire {
            actor: self.myself.get_id(),
            heard: self.heard,
        };
        if self.args.host.send_message(forget).is_err() {
            tracing::debug!(sandbox = %self.args.sandbox, "the host actor is gone");
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.courses.tell(Course::Over);
    }
}
