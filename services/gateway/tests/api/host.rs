//! A host and a router in one, without machines: it decides with the real domain, and plays what it is told.
//!
//! A sandbox's label `script` says what becomes of it, a program's name what it does; see [`boot`](Script::boot),
//! [`sleep`](crate::host::sleep) and [`programs`](crate::host::programs).

pub(crate) mod programs;
pub(crate) mod sleep;
pub(crate) mod templates;
mod tenants;
mod webhooks;

use std::sync::Arc;

use futures::StreamExt;
use roost_domain::host::{Command as HostCommand, Host as HostState};
use roost_domain::limits::Usage;
use roost_domain::placement::{branch, has_room, place};
use roost_domain::sandbox::{Command, Sandbox};
use roost_domain::template::{Command as TemplateCommand, Template};
use roost_domain::{Aggregate, Rejection};
use roost_gateway::Ports;
use roost_journal::port::Delivery;
use roost_runtime::Ledger;
use roost_runtime::Refusal;
use roost_schemas::command::{Create, Envelope, Kill, Placement, SandboxCommand, Start};
use roost_schemas::event::{Cause, EngineKind, HostRegistered, StopReason, TemplateRegistered};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::spec::Resources;
use roost_schemas::subject::{AggregateId, EventSubject, Route};
use roost_schemas::{
    CommandId, HostId, ProcessId, SandboxId, Sequence, SnapshotId, TemplateName, TenantId, Timestamp,
};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// Ends with its handle.
pub(crate) struct Host {
    _tasks: JoinSet<()>,
}

impl Host {
    /// Registers a host `h1` with room for 8 GiB and a template `base`, and takes commands.
    pub(crate) async fn start(ports: &Ports) -> Self {
        register(ports).await;
        let mut tasks = JoinSet::new();
        let placing = Arc::default();
        for route in [Route::Any, Route::Host(HostId::new("h1").unwrap())] {
            let script = Script {
                ports: ports.clone(),
                placing: Arc::clone(&placing),
                tenant: TenantId::first(),
            };
            let mut deliveries = ports.queue.consume(&route).await.unwrap();
            tasks.spawn(async move {
                let mut work = JoinSet::new();
                while let Some(delivery) = deliveries.next().await {
                    let delivery = delivery.unwrap();
                    let tenant = delivery.subject.tenant.clone();
                    let script = Script {
                        tenant,
                        ..script.clone()
                    };
                    work.spawn(async move { script.take(delivery).await });
                }
            });
        }
        Self { _tasks: tasks }
    }
}

async fn register(ports: &Ports) {
    let system = TenantId::system();
    let resources = Resources {
        vcpus: 4,
        memory_mb: 8192,
    };
    let registered = HostRegistered {
        capacity: resources,
        max_sandboxes: 100,
        engine: EngineKind::Qemu,
        engine_version: "7.2".into(),
        release: "test".into(),
        edge: None,
        lease: 0,
    };
    let host = EventSubject {
        tenant: system.clone(),
        aggregate: AggregateId::Host(HostId::new("h1").unwrap()),
    };
    execute::<HostState>(
        ports,
        host,
        CommandId::random(),
        HostCommand::Register(registered),
    )
    .await
    .unwrap();
    let registered = TemplateRegistered {
        digest: "blake3:00".into(),
        bytes: 1,
        drive_bytes: None,
        defaults: Resources {
            vcpus: 1,
            memory_mb: 128,
        },
    };
    let base = AggregateId::Template(TemplateName::new("base").unwrap());
    let template = EventSubject {
        tenant: system,
        aggregate: base,
    };
    let command = TemplateCommand::Register(registered);
    let last = execute::<Template>(ports, template, CommandId::random(), command)
        .await
        .unwrap();
    assert!(ports.fleet.wait_for(last.0, crate::world::LONG).await);
}

/// Has the host tell of an edge, which it has not at first.
pub(crate) async fn open_edge(ports: &Ports, edge: &str) {
    let id = HostId::new("h1").unwrap();
    let registered = ports.fleet.read(|fleet| {
        let (_, view) = fleet.hosts().find(|(host, _)| **host == id)?;
        view.state.registered.clone()
    });
    let registered = HostRegistered {
        edge: Some(edge.to_owned()),
        lease: 0,
        ..registered.unwrap()
    };
    let host = EventSubject {
        tenant: TenantId::system(),
        aggregate: AggregateId::Host(id),
    };
    let command = HostCommand::Register(registered);
    let last = execute::<HostState>(ports, host, CommandId::random(), command)
        .await
        .unwrap();
    assert!(ports.fleet.wait_for(last.0, crate::world::LONG).await);
}

/// Lets a command take effect now.
async fn execute<A: Aggregate>(
    ports: &Ports,
    subject: EventSubject,
    command_id: CommandId,
    command: A::Command,
) -> Result<(Sequence, A), Rejection> {
    let mut ledger = Ledger::<A>::load(Arc::clone(&ports.journal), subject)
        .await
        .unwrap();
    let envelope = Envelope {
        command_id,
        at: Timestamp::now(),
        principal: "host:h1".into(),
        command,
    };
    match ledger.execute(&envelope).await {
        Ok(done) => Ok((done.sequence, ledger.state().clone())),
        Err(Refusal::Rejected(rejection)) => Err(rejection),
        Err(error) => panic!("{error}"),
    }
}

#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) ports: Ports,
    /// Held while a sandbox is placed: one placement sees the one before it.
    placing: Arc<Mutex<()>>,
    /// Whose command it is.
    tenant: TenantId,
}

impl Script {
    async fn take(&self, delivery: Delivery) {
        let (id, message) = (delivery.subject.sandbox.clone(), &delivery.message);
        let known = ["auto-resume", "operator"].contains(&message.principal.as_str());
        assert!(known || message.principal.starts_with("key:"), "{message:?}");
        assert!(message.deadline.is_some(), "{message:?}");
        let command = SandboxCommand::decode(message.content, &message.body).unwrap();
        if matches!(&command, SandboxCommand::Exec(exec) if exec.cmd == "unanswered") {
            return delivery.settle.done().await.unwrap();
        }
        if let SandboxCommand::Tenant(change) = command {
            assert_eq!(delivery.subject.tenant, TenantId::system());
            let reply = self.change_tenant(message.command_id.clone(), change).await;
            self.ports.queue.answer(message, &reply).await.unwrap();
            return delivery.settle.done().await.unwrap();
        }
        if let SandboxCommand::Webhook(change) = command {
            let reply = self.change_webhook(message.command_id.clone(), change).await;
            self.ports.queue.answer(message, &reply).await.unwrap();
            return delivery.settle.done().await.unwrap();
        }
        if let SandboxCommand::DeleteTemplate(delete) = &command {
            let reply = self
                .delete_template(message.command_id.clone(), &delete.name)
                .await;
            self.ports.queue.answer(message, &reply).await.unwrap();
            return delivery.settle.done().await.unwrap();
        }
        let placing = match delivery.subject.route {
            Route::Any => Some(self.placing.lock().await),
            Route::Host(_) | Route::Client => None,
        };
        let done = match self.translate(&delivery, &command).await {
            Ok(decided) => self.decide(&id, message.command_id.clone(), decided).await,
            Err(rejection) => Err(rejection),
        };
        if let (Some(_), Ok((sequence, _))) = (&placing, &done) {
            assert!(self.ports.fleet.wait_for(*sequence, crate::world::LONG).await);
        }
        drop(placing);
        let reply = match &done {
            Ok((sequence, state)) => Reply::Accepted(Accepted {
                sequence: *sequence,
                state: state.phase.as_str().to_owned(),
            }),
            Err(rejection) => Reply::Rejected(rejection.clone().into()),
        };
        // A program whose answer is lost runs all the same.
        if !matches!(&command, SandboxCommand::Exec(exec) if exec.cmd == "answer-lost") {
            self.ports.queue.answer(&delivery.message, &reply).await.unwrap();
        }
        delivery.settle.done().await.unwrap();
        let Ok((sequence, _)) = done else { return };
        match command {
            SandboxCommand::Create(create) => {
                self.boot(&id, create.spec.metadata.get("script").map_or("", String::as_str))
                    .await;
            }
            SandboxCommand::Exec(exec) => {
                let process = ProcessId::from_command(&id, &delivery.message.command_id);
                self.run(&id, &process, &exec, sequence).await;
            }
            SandboxCommand::Kill(_) => self.end(&id).await,
            SandboxCommand::Pause(_) => self.pause(&id).await,
            SandboxCommand::Resume(_) => self.resume(&id).await,
            SandboxCommand::Snapshot(_) => self.snapshot(&id).await,
            _ => {}
        }
    }

    /// What a command from the queue is to its sandbox, as the router and the host see it.
    async fn translate(&self, delivery: &Delivery, command: &SandboxCommand) -> Result<Command, Rejection> {
        let (id, command_id) = (&delivery.subject.sandbox, &delivery.message.command_id);
        let snapshot = SnapshotId::from_command(id, command_id);
        Ok(match command.clone() {
            SandboxCommand::Create(create) => Command::Create(Create {
                placement: Some(self.place(&create).await?),
                ..create
            }),
            SandboxCommand::Exec(exec) => Command::Exec {
                process: ProcessId::from_command(id, command_id),
                exec,
            },
            SandboxCommand::SetTimeout(set) => Command::SetTimeout(set),
            SandboxCommand::SetNetwork(set) => Command::SetNetwork(set),
            SandboxCommand::Kill(kill) => Command::Kill(kill),
            SandboxCommand::Start(start) => Command::Start(start),
            SandboxCommand::Pause(pause) => Command::Pause { snapshot, pause },
            SandboxCommand::Resume(resume) => {
                assert_eq!(delivery.subject.route, Route::Any, "the router looks for room");
                let sandbox = self.state(id).await;
                self.ports.fleet.read(|fleet| has_room(fleet, &sandbox))?;
                Command::Resume(resume)
            }
            SandboxCommand::Snapshot(take) => Command::Snapshot { snapshot, take },
            SandboxCommand::DeleteTemplate(_)
            | SandboxCommand::HostDown(_)
            | SandboxCommand::Tenant(_)
            | SandboxCommand::Webhook(_) => {
                unreachable!("no sandbox is asked for it")
            }
        })
    }

    async fn place(&self, create: &Create) -> Result<Placement, Rejection> {
        let placement = self.look_for_a_place(create).await?;
        self.ports.fleet.read(|fleet| {
            let added = Usage::of_new(fleet, &self.tenant, &create.spec.template, placement.resources);
            fleet.check_limits(&self.tenant, Usage::default(), added)
        })?;
        Ok(placement)
    }

    async fn look_for_a_place(&self, create: &Create) -> Result<Placement, Rejection> {
        let tenant = &self.tenant;
        let Some(fork) = &create.fork else {
            return self.ports.fleet.read(|fleet| place(fleet, tenant, &create.spec));
        };
        let source = self.state(&fork.sandbox).await;
        self.ports
            .fleet
            .read(|fleet| branch(fleet, &create.spec, fork, &source))
    }

    /// Where a sandbox's commits stand.
    fn subject(&self, id: &SandboxId) -> EventSubject {
        EventSubject::sandbox(self.tenant.clone(), id.clone())
    }

    /// A sandbox as the log has it.
    async fn state(&self, id: &SandboxId) -> Sandbox {
        let ledger = Ledger::<Sandbox>::load(Arc::clone(&self.ports.journal), self.subject(id));
        ledger.await.unwrap().state().clone()
    }

    pub(crate) async fn decide(
        &self,
        id: &SandboxId,
        command_id: CommandId,
        command: Command,
    ) -> Result<(Sequence, Sandbox), Rejection> {
        execute(&self.ports, self.subject(id), command_id, command).await
    }

    /// Tells what the host has seen; what is not news is nothing.
    pub(crate) async fn report(&self, id: &SandboxId, command: Command) -> Sequence {
        self.decide(id, CommandId::random(), command).await.unwrap().0
    }

    /// `fails`: no boot succeeds. `hangs`: it does not end. `killed`: it is killed while it boots. Else it runs.
    async fn boot(&self, id: &SandboxId, script: &str) {
        let generation = self.state(id).await.generation();
        // A repeated create finds the sandbox started.
        let Ok((_, state)) = self
            .decide(id, CommandId::random(), Command::Start(Start { generation }))
            .await
        else {
            return;
        };
        if state.running.is_some() {
            return;
        }
        match script {
            "fails" => {
                let cause = Cause::StepFailed {
                    step: "claim slot".into(),
                    detail: "none is left".into(),
                };
                for _ in 0..roost_domain::sandbox::MAX_START_ATTEMPTS {
                    self.report(
                        id,
                        Command::StartFailed {
                            generation,
                            cause: cause.clone(),
                        },
                    )
                    .await;
                }
            }
            "hangs" => {}
            "killed" => {
                self.report(
                    id,
                    Command::Kill(Kill {
                        reason: StopReason::Requested,
                        due: None,
                    }),
                )
                .await;
                self.end(id).await;
            }
            _ => {
                self.report(id, started(&state)).await;
            }
        }
    }

    /// Releases a sandbox, unless its script is `kept`.
    async fn end(&self, id: &SandboxId) {
        let state = self.state(id).await;
        if script(&state) != "kept" {
            let generation = state.generation();
            self.report(id, Command::Ended { generation }).await;
        }
    }
}

/// The script of a sandbox.
fn script(state: &Sandbox) -> &str {
    let metadata = state.requested.as_ref().map(|requested| &requested.spec.metadata);
    metadata
        .and_then(|metadata| metadata.get("script"))
        .map_or("", String::as_str)
}

/// That a guest answers.
fn started(state: &Sandbox) -> Command {
    Command::Started {
        generation: state.generation(),
        engine: EngineKind::Qemu,
        engine_version: "7.2".into(),
        boot_ms: 5,
        restored_from: state.base.as_ref().map(|base| base.id.clone()),
    }
}
