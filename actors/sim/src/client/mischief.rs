//! What should not be sent: the same again, to whom it is not for, about what it is not, or garbage.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use roost_schemas::command::{ContentType, HostDown, MAX_BODY, SandboxCommand, Start};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, Generation, SandboxId, TenantId};

use super::{Client, Letter};

impl Client {
    /// What anybody has sent before, byte for byte.
    pub(super) fn repeat(&mut self) -> Option<Letter> {
        let count = self.diary.count();
        let number = (count > 0).then(|| self.random.usize(..count))?;
        let sending = self.diary.sending(number);
        Some(Letter {
            subject: sending.subject,
            message: sending.message,
            command: sending.command,
        })
    }

    /// What makes sense, but not there.
    pub(super) fn misdirect(&mut self) -> Letter {
        let mut letter = self.compose();
        match self.random.u8(..6) {
            0 => letter.subject.route = Route::Host(self.any_host()),
            1 => letter.subject.tenant = TenantId::new("other").expect("it is one"),
            2 => {
                // Under an id that somebody else's sandbox has.
                let taken = self.any_sandbox();
                letter.subject.sandbox = taken.unwrap_or_else(nobody);
            }
            3 => {
                let start = Start {
                    generation: Generation(self.random.u64(..4)),
                };
                let host = self.any_host();
                return self.forge(Route::Host(host), SandboxCommand::Start(start));
            }
            4 => return self.steal(),
            _ => {
                let down = HostDown {
                    generation: Generation(self.random.u64(1..3)),
                };
                let route = if self.random.bool() {
                    Route::Any
                } else {
                    Route::Host(self.any_host())
                };
                return self.forge(route, SandboxCommand::HostDown(down));
            }
        }
        letter
    }

    /// Asks for a sandbox under the id of another tenant's.
    fn steal(&mut self) -> Letter {
        let sandbox = self.any_sandbox().unwrap_or_else(nobody);
        let id = self.next_id();
        let (_, command) = self.create(&id, None);
        Letter {
            subject: CommandSubject {
                tenant: TenantId::new("other").expect("it is one"),
                route: Route::Any,
                sandbox,
            },
            message: self.message(id, &command),
            command: Some(command),
        }
    }

    /// Asks for a sandbox, and every host to start it as another placement, while the router is at it.
    pub(super) async fn race(&mut self) {
        let id = self.next_id();
        let (sandbox, command) = self.create(&id, None);
        let create = Letter {
            subject: CommandSubject {
                tenant: self.tenant.clone(),
                route: Route::Any,
                sandbox: sandbox.clone(),
            },
            message: self.message(id, &command),
            command: Some(command),
        };
        let hosts: Vec<_> = self.world.machines().keys().cloned().collect();
        let starts: Vec<_> = (0..2 * hosts.len())
            .map(|n| {
                let generation = Generation(self.random.u64(..2) * 2);
                let host = Route::Host(hosts[n % hosts.len()].clone());
                let start = SandboxCommand::Start(Start { generation });
                let letter = self.forge_about(host, sandbox.clone(), start);
                (letter, Duration::from_millis(self.random.u64(..20)))
            })
            .collect();
        let patience = self.patience();
        let racers = starts.iter().map(async |(start, after)| {
            tokio::time::sleep(*after).await;
            self.post(start, patience, &mut Vec::new()).await;
        });
        let mut sent = Vec::new();
        tokio::join!(self.post(&create, patience, &mut sent), join_all(racers));
        self.sent.extend(sent);
    }

    /// What only Roost itself sends.
    fn forge(&mut self, route: Route, command: SandboxCommand) -> Letter {
        let sandbox = self.any_sandbox().unwrap_or_else(nobody);
        self.forge_about(route, sandbox, command)
    }

    fn forge_about(&mut self, route: Route, sandbox: SandboxId, command: SandboxCommand) -> Letter {
        let id = self.next_id();
        let message = self.message(id, &command);
        let subject = CommandSubject {
            tenant: self.tenant.clone(),
            route,
            sandbox,
        };
        let command = Some(command);
        Letter {
            subject,
            message,
            command,
        }
    }

    /// What nobody can make sense of.
    pub(super) fn garbage(&mut self) -> Letter {
        let mut letter = self.compose();
        letter.command = None;
        let message = &mut letter.message;
        match self.random.u8(..6) {
            0 => message.body = Bytes::new(),
            1 => message.body = std::iter::repeat_with(|| self.random.u8(..)).take(40).collect(),
            2 => message.body = message.body.slice(..message.body.len() / 2),
            3 => message.body = Bytes::from(vec![b'x'; MAX_BODY + 1]),
            4 => {
                message.content = match message.content {
                    ContentType::Json => ContentType::MessagePack,
                    ContentType::MessagePack => ContentType::Json,
                };
            }
            _ => {
                // An id under which only hosts report.
                let id = CommandId::report(&letter.subject.sandbox, Generation(1), "started");
                message.command_id = id;
            }
        }
        letter
    }
}

fn nobody() -> SandboxId {
    SandboxId::new("nobody").expect("it is one")
}
