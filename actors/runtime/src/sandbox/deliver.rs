//! A command from the queue: check, decide, answer, settle.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::bugs::{self, Bug};
use roost_domain::sandbox::Command;
use roost_domain::{Aggregate, Rejection};
use roost_journal::port::Delivery;
use roost_schemas::command::{Envelope, SandboxCommand};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::{ProcessId, SnapshotId};

use super::state::State;
use crate::{Refusal, intake};

/// When a command that met a silent log is to come again.
const REDELIVER_AFTER: Duration = Duration::from_secs(1);

impl State {
    pub(super) async fn deliver(&mut self, delivery: Delivery) {
        let reply = match self.accept(&delivery).await {
            Ok(accepted) => Some(Reply::Accepted(accepted)),
            Err(refusal) => {
                let reply = refusal.answer();
                if reply.is_none() {
                    tracing::error!(sandbox = %self.args.sandbox, error = %refusal, "a command has to wait");
                }
                reply
            }
        };
        let queue = Arc::clone(&self.args.context.queue);
        // The decision is made; telling it must not keep the next command waiting. If we die in between, the command
        // is delivered again and gets the same answer.
        tokio::spawn(async move {
            let settled = match reply {
                Some(reply) => {
                    if let Err(error) = queue.answer(&delivery.message, &reply).await {
                        tracing::warn!(command = %delivery.message.command_id, %error, "could not answer");
                    }
                    delivery.settle.done().await
                }
                None => delivery.settle.later(REDELIVER_AFTER).await,
            };
            if let Err(error) = settled {
                tracing::warn!(command = %delivery.message.command_id, %error, "it will be delivered again");
            }
        });
        self.pursue().await;
    }

    async fn accept(&mut self, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let message = &delivery.message;
        let command = intake::open(message)?;
        self.ledger().await?;
        self.check_here()?;
        let process = ProcessId::from_command(&self.args.sandbox, &message.command_id);
        let snapshot = SnapshotId::from_command(&self.args.sandbox, &message.command_id);
        let envelope = Envelope {
            command_id: message.command_id.clone(),
            at: delivery.queued_at,
            principal: message.principal.clone(),
            command: self.to_domain(&command, &process, snapshot)?,
        };
        let in_time = intake::in_time(message, &*self.args.context.clock);
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
        let state = self
            .known()
            .map_or("absent", |sandbox| sandbox.phase.as_str())
            .to_owned();
        Ok(Accepted {
            sequence: done.sequence,
            state,
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
            SandboxCommand::Create(_) | SandboxCommand::DeleteTemplate(_) => {
                return Err(Rejection::Invalid {
                    field: "route",
                    value: self.args.context.host.to_string(),
                    rule: "this command goes to \"any\", where the router takes it".to_owned(),
                });
            }
        })
    }
}
