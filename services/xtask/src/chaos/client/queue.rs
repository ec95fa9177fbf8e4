//! What a client does to sandboxes by NATS alone.

use std::time::{Duration, Instant};

use anyhow::Result;
use roost_journal::port::{Message, Queue};
use roost_schemas::command::{ContentType, Create, Exec, Kill, SandboxCommand};
use roost_schemas::event::StopReason;
use roost_schemas::reply::{Accepted, Code, Reply};
use roost_schemas::spec::SandboxSpec;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, SandboxId, TenantId};
use serde_json::json;

use super::Client;
use super::act::written;
use crate::TENANT;
use crate::chaos::notebook::{Acknowledged, Told};

/// How long one answer is awaited.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the same command is repeated.
const INSISTS: Duration = Duration::from_secs(75);

impl Client {
    pub(super) async fn create_by_queue(&mut self) -> Result<()> {
        let id = SandboxId::new(format!("byqueue{}n{}", self.number, self.keys + 1))?;
        let spec: SandboxSpec = serde_json::from_value(json!({"template": "minimal", "timeout_sec": 3600}))?;
        let create = SandboxCommand::Create(Create {
            spec,
            fork: None,
            placement: None,
        });
        if self.command(&id, &create, true).await?.is_some() {
            self.move_in(&id, Vec::new());
        }
        Ok(())
    }

    /// Its output nobody waits for: that it ran tells the next look at the book.
    pub(super) async fn exec_by_queue(&mut self, home: usize) -> Result<()> {
        let id = self.homes[home].id.clone();
        let line = format!("by-queue-{}-{}", self.number, self.keys + 1);
        let exec: Exec = serde_json::from_value(json!({
            "cmd": "sh", "args": ["-c", written(&line)], "user": "root", "timeout_sec": 20,
        }))?;
        self.command(&id, &SandboxCommand::Exec(exec), true)
            .await
            .map(drop)
    }

    pub(super) async fn kill_by_queue(&mut self, home: usize) -> Result<()> {
        let id = self.homes[home].id.clone();
        let kill = SandboxCommand::Kill(Kill {
            reason: StopReason::Requested,
            due: None,
        });
        if self.command(&id, &kill, false).await?.is_some() {
            self.homes.remove(home);
        }
        Ok(())
    }

    /// Sends a command, again under the same id for as long as there is no answer, or one that says to try again; what it
    /// came to, if it was accepted.
    async fn command(
        &mut self,
        sandbox: &SandboxId,
        command: &SandboxCommand,
        commits: bool,
    ) -> Result<Option<Accepted>> {
        let key = self.key()?;
        let subject = CommandSubject {
            tenant: TenantId::new(TENANT)?,
            route: Route::Any,
            sandbox: sandbox.clone(),
        };
        let began = Instant::now();
        let reply = loop {
            match self
                .queue
                .request(&subject, message(&key, command), PATIENCE)
                .await
            {
                Ok(Reply::Rejected(rejected))
                    if matches!(rejected.code, Code::Unavailable | Code::NoCapacity) => {}
                Ok(reply) => break Some(reply),
                Err(_) => {}
            }
            if began.elapsed() > INSISTS {
                break None;
            }
            tokio::time::sleep(self.chance.millis(200..1000)).await;
        };
        let mut pages = self.notebook.open();
        match reply {
            Some(Reply::Accepted(accepted)) => {
                pages.acknowledged.push(Acknowledged {
                    told: Told::Accepted { commits },
                    key,
                    sandbox: sandbox.clone(),
                    sequence: accepted.sequence,
                });
                Ok(Some(accepted))
            }
            Some(Reply::Rejected(rejected)) => {
                let code = serde_json::to_value(rejected.code)?;
                let code = code.as_str().unwrap_or_default().to_owned();
                *pages.refused.entry(code).or_default() += 1;
                Ok(None)
            }
            None => {
                pages.unknown += 1;
                Ok(None)
            }
        }
    }
}

fn message(key: &CommandId, command: &SandboxCommand) -> Message {
    Message {
        command_id: key.clone(),
        principal: "chaos".to_owned(),
        deadline: None,
        reply: None,
        trace: None,
        content: ContentType::MessagePack,
        body: command.encode().into(),
    }
}
