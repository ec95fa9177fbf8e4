//! A command from the queue: check, decide, answer, settle.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::bugs::{self, Bug};
use roost_domain::sandbox::{Command, Sandbox};
use roost_domain::{Aggregate, Rejection};
use roost_journal::port::Delivery;
use roost_schemas::command::{Envelope, SandboxCommand};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::{ProcessId, SnapshotId};
use tokio::time::Instant;
use tracing::Instrument;

use super::state::State;
use crate::{Ledger, Refusal, intake, observe};

/// When a command that met a silent log is to come again.
const REDELIVER_AFTER: Duration = Duration::from_secs(1);

impl State {
    pub(super) async fn deliver(&mut self, delivery: Delivery) {
        let began = Instant::now();
        let opened = intake::open(&delivery.message);
        let kind = observe::kind(&opened);
        let accepted = match opened {
            Ok(command) => self.accept(&delivery, command).await,
            Err(rejection) => Err(rejection.into()),
        };
        let reply = match accepted {
            Ok(accepted) => Some(Reply::Accepted(accepted)),
            Err(refusal) => {
                let reply = refusal.answer();
                if reply.is_none() {
                    tracing::error!(sandbox = %self.args.sandbox, error = %refusal, "a command has to wait");
                }
                reply
            }
        };
        observe::decided(super::HOP, kind, observe::outcome(reply.as_ref()), began);
        let queue = Arc::clone(&self.args.context.queue);
        let told = async move {
            let command = delivery.message.command_id.clone();
            let settled = match reply {
                Some(reply) => intake::conclude(&*queue, delivery, &reply).await,
                None => delivery.settle.later(REDELIVER_AFTER).await,
            };
            if let Err(error) = settled {
                tracing::warn!(%command, %error, "it will be delivered again");
            }
        };
        // The decision is made; telling it must not keep the next command waiting.
        tokio::spawn(told.in_current_span());
        self.pursue().await;
    }

    async fn accept(&mut self, delivery: &Delivery, command: SandboxCommand) -> Result<Accepted, Refusal> {
        let message = &delivery.message;
        let in_time = intake::in_time(message, &*self.args.context.clock);
        if let Err(unknown) = self.ledger().await.map(drop) {
            // Nobody waits for it any more, and it must not keep its place in the queue until the log can be read.
            return Err(in_time.err().map_or(unknown, Refusal::from));
        }
        self.check_here()?;
        let process = ProcessId::from_command(&self.args.sandbox, &message.command_id);
        let snapshot = SnapshotId::from_command(&self.args.sandbox, &message.command_id);
        let envelope = intake::envelope(delivery, self.to_domain(&command, &process, snapshot)?);
        if let SandboxCommand::HostDown(_) = command {
            self.check_decided(&envelope).await?;
        }
        let ledger = self.ledger().await?;
        if let Err(late) = in_time
            && !ledger.knows(&envelope)
        {
            return Err(late.into());
        }
        if bugs::has(Bug::ActBeforeCommit) {
            self.act_early(&envelope);
        }
        let done = self.ledger().await?.execute(&envelope).await?;
        if let SandboxCommand::Exec(exec) = command {
            self.carry(process, exec);
        }
        Ok(Accepted {
            sequence: done.sequence,
            state: done.state.to_owned(),
        })
    }

    /// The bug of this name: takes the step that a command calls for before the log has it.
    fn act_early(&mut self, command: &Envelope<Command>) {
        let Some(mut sandbox) = self.known().cloned() else {
            return;
        };
        let Ok(events) = sandbox.decide(command) else {
            return;
        };
        for event in &events {
            sandbox.evolve(event);
        }
        self.advance(sandbox);
    }

    /// Refuses to take this host for down: it takes commands. Only the router, which looks at the log, may decide that, and
    /// has done so before it tells this host.
    async fn check_decided(&self, down: &Envelope<Command>) -> Result<(), Refusal> {
        let journal = Arc::clone(&self.args.context.journal);
        let decided = Ledger::<Sandbox>::load(journal, self.subject()).await?;
        if decided.would_change(down) {
            return Err(Rejection::HostUp(self.args.context.host.clone()).into());
        }
        Ok(())
    }

    fn to_domain(
        &self,
        command: &SandboxCommand,
        process: &ProcessId,
        snapshot: SnapshotId,
    ) -> Result<Command, Rejection> {
        Ok(match command.clone() {
            SandboxCommand::Start(start) => Command::Start(start),
            SandboxCommand::Exec(exec) => Command::Exec {
                process: process.clone(),
                exec,
            },
            SandboxCommand::SetTimeout(set) => Command::SetTimeout(set),
            SandboxCommand::SetNetwork(set) => Command::SetNetwork(set),
            SandboxCommand::Pause(pause) => Command::Pause { snapshot, pause },
            SandboxCommand::Resume(resume) => Command::Resume(resume),
            SandboxCommand::Snapshot(take) => Command::Snapshot { snapshot, take },
            SandboxCommand::Kill(kill) => Command::Kill(kill),
            // The router has decided it; this host comes to the same when it looks at the log anew.
            SandboxCommand::HostDown(down) => Command::HostDown {
                generation: down.generation,
            },
            SandboxCommand::Create(_)
            | SandboxCommand::DeleteTemplate(_)
            | SandboxCommand::Tenant(_)
            | SandboxCommand::Webhook(_) => {
                return Err(Rejection::Invalid {
                    field: "route",
                    value: self.args.context.host.to_string(),
                    rule: "this command goes to \"any\", where the router takes it".to_owned(),
                });
            }
        })
    }
}
