//! Commands as users send them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use roost_journal::port::Message;
use roost_schemas::command::{
    ContentType, Create, DeleteTemplate, Exec, Fork, Kill, Pause, Resume, SandboxCommand, SetNetwork,
    SetTimeout, TakeSnapshot,
};
use roost_schemas::event::StopReason;
use roost_schemas::network::NetworkPolicy;
use roost_schemas::spec::{OnHostDown, OnTimeout, SandboxSpec};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, SandboxId, SnapshotId, TemplateName, Timestamp};

use super::{Client, FOREVER, Letter};

/// Sandboxes that a client thinks of: the last that anybody asked for.
const REMEMBERED: usize = 4;
/// The templates that snapshots become.
const TEMPLATES: [&str; 2] = ["saved-a", "saved-b"];

impl Client {
    /// Something that makes sense, mostly.
    pub(super) fn compose(&mut self) -> Letter {
        let id = self.next_id();
        let (sandbox, command) = match self.any_sandbox() {
            Some(sandbox) => self.about(sandbox, &id),
            None => self.create(&id, None),
        };
        let message = self.message(id, &command);
        let subject = CommandSubject {
            tenant: self.tenant.clone(),
            route: Route::Any,
            sandbox,
        };
        let command = Some(command);
        Letter {
            subject,
            message,
            command,
        }
    }

    fn about(&mut self, sandbox: SandboxId, id: &CommandId) -> (SandboxId, SandboxCommand) {
        let command = match self.random.u8(..32) {
            0..4 => return self.create(id, None),
            4..6 => {
                let fork = self.fork();
                return self.create(id, fork);
            }
            6..12 => SandboxCommand::Exec(self.exec()),
            12..14 => SandboxCommand::SetTimeout(SetTimeout {
                timeout_sec: self.timeout(),
                extend: self.random.bool(),
            }),
            14 => SandboxCommand::SetNetwork(SetNetwork {
                policy: NetworkPolicy {
                    internet: self.random.bool(),
                    public: self.random.bool(),
                    ..NetworkPolicy::default()
                },
            }),
            15..20 => SandboxCommand::Pause(Pause::default()),
            20..26 => SandboxCommand::Resume(Resume {
                timeout_sec: self.random.bool().then(|| self.timeout()),
            }),
            26..30 => SandboxCommand::Snapshot(TakeSnapshot {
                name: (self.random.u8(..3) == 0).then(|| self.template()),
            }),
            30 => SandboxCommand::Kill(Kill {
                reason: StopReason::Requested,
                due: None,
            }),
            _ => SandboxCommand::DeleteTemplate(DeleteTemplate {
                name: self.template(),
            }),
        };
        (sandbox, command)
    }

    pub(super) fn create(&mut self, id: &CommandId, fork: Option<Fork>) -> (SandboxId, SandboxCommand) {
        let sandbox = SandboxId::from_command(&self.tenant, id);
        self.diary.named(&sandbox);
        let saved = fork.is_none() && self.random.u8(..4) == 0;
        let template = if saved { self.template() } else { base() };
        // Now and then more than any host can give.
        let memory_mb = (self.random.u8(..12) == 0).then_some(200_000);
        let spec = SandboxSpec {
            template,
            vcpus: None,
            memory_mb,
            timeout_sec: self.timeout(),
            on_timeout: if self.random.bool() {
                OnTimeout::Kill
            } else {
                OnTimeout::Pause
            },
            on_host_down: if self.random.bool() {
                OnHostDown::Lose
            } else {
                OnHostDown::Resume
            },
            auto_resume: false,
            metadata: BTreeMap::new(),
            env: BTreeMap::new(),
            network: NetworkPolicy::default(),
        };
        let create = Create {
            spec,
            fork,
            placement: None,
        };
        (sandbox, SandboxCommand::Create(create))
    }

    /// A branch of something that was sealed, or was to be.
    fn fork(&mut self) -> Option<Fork> {
        let seals = |command: &Option<SandboxCommand>| {
            matches!(
                command,
                Some(SandboxCommand::Pause(_) | SandboxCommand::Snapshot(_))
            )
        };
        let sealed = self.diary.find(|sending| seals(&sending.command));
        let chosen = sealed.get(self.random.usize(..sealed.len().max(1)))?;
        let sandbox = chosen.subject.sandbox.clone();
        let snapshot = SnapshotId::from_command(&sandbox, &chosen.message.command_id);
        Some(Fork { sandbox, snapshot })
    }

    fn exec(&mut self) -> Exec {
        let (cmd, args): (&str, &[&str]) = match self.random.u8(..6) {
            0 => ("false", &[]),
            1 => ("chatter", &["7"]),
            2 => ("nothing-of-that-name", &[]),
            3 => (FOREVER, &[]),
            _ => ("echo", &["hello"]),
        };
        Exec {
            cmd: cmd.to_owned(),
            args: args.iter().map(ToString::to_string).collect(),
            cwd: None,
            env: BTreeMap::new(),
            user: None,
            timeout_sec: 3600,
            stdin: false,
            pty: None,
        }
    }

    fn timeout(&mut self) -> u32 {
        if self.random.u8(..3) == 0 {
            self.random.u32(5..120)
        } else {
            3600
        }
    }

    fn template(&mut self) -> TemplateName {
        let name = TEMPLATES[self.random.usize(..TEMPLATES.len())];
        TemplateName::new(name).expect("it is one")
    }

    pub(super) fn any_sandbox(&mut self) -> Option<SandboxId> {
        let all = self.diary.sandboxes();
        let last = &all[all.len().saturating_sub(REMEMBERED)..];
        let chosen = self.random.usize(..last.len().max(1));
        last.get(chosen).cloned()
    }

    pub(super) fn message(&mut self, command_id: CommandId, command: &SandboxCommand) -> Message {
        let deadline = match self.random.u8(..16) {
            0 => Some(EXPIRED),
            1 => Some(self.world.now().plus(Duration::from_secs(5))),
            _ => None,
        };
        let json = self.random.u8(..4) == 0;
        let (content, body) = if json {
            let body = serde_json::to_vec(command).expect("commands have a form in JSON");
            (ContentType::Json, body)
        } else {
            (ContentType::MessagePack, command.encode())
        };
        Message {
            command_id,
            principal: format!("key:{}", self.name),
            deadline,
            reply: None,
            trace: None,
            content,
            body: Bytes::from(body),
        }
    }
}

/// A deadline that has passed by every clock.
pub const EXPIRED: Timestamp = Timestamp(1);

fn base() -> TemplateName {
    TemplateName::new("base").expect("it is one")
}
