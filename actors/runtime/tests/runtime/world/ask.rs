//! The small words that tests are written in: commands, waits, and looks at what came of them.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use roost_domain::fleet::View;
use roost_domain::sandbox::{Phase, Sandbox};
use roost_journal::port::{Journal, Message, OutputLog, Queue, QueueError};
use roost_schemas::command::{ContentType, Create, Exec, Kill, SandboxCommand, Start};
use roost_schemas::commit::Commit;
use roost_schemas::event::{SandboxEvent, StopReason};
use roost_schemas::network::NetworkPolicy;
use roost_schemas::output::Frame;
use roost_schemas::reply::{Accepted, Code, Reply};
use roost_schemas::spec::SandboxSpec;
use roost_schemas::subject::{CommandSubject, EventSubject, OutputSubject, Route};
use roost_schemas::{
    CommandId, Generation, HostId, Owner, ProcessId, SandboxId, Sequence, TemplateName, TenantId,
};

use super::World;

/// Longer than anything takes; time is tokio's, and mostly paused.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) fn tenant() -> TenantId {
    TenantId::new("default").unwrap()
}

pub(crate) fn host_id() -> HostId {
    HostId::new("h1").unwrap()
}

pub(crate) fn id(name: &str) -> SandboxId {
    SandboxId::new(name).unwrap()
}

/// The first placement of `sandbox`.
pub(crate) fn owner(sandbox: &SandboxId) -> Owner {
    Owner {
        sandbox: sandbox.clone(),
        generation: Generation(1),
    }
}

pub(crate) fn create() -> SandboxCommand {
    let spec = SandboxSpec {
        template: TemplateName::new("base").unwrap(),
        vcpus: None,
        memory_mb: None,
        timeout_sec: 3600,
        on_timeout: roost_schemas::spec::OnTimeout::Kill,
        on_host_down: roost_schemas::spec::OnHostDown::Lose,
        auto_resume: false,
        metadata: std::collections::BTreeMap::default(),
        env: std::collections::BTreeMap::default(),
        network: NetworkPolicy::default(),
    };
    SandboxCommand::Create(Create {
        spec,
        fork: None,
        placement: None,
    })
}

pub(crate) fn start(generation: u64) -> SandboxCommand {
    SandboxCommand::Start(Start {
        generation: Generation(generation),
    })
}

pub(crate) fn kill() -> SandboxCommand {
    SandboxCommand::Kill(Kill {
        reason: StopReason::Requested,
        due: None,
    })
}

pub(crate) fn exec(cmd: &str, args: &[&str]) -> SandboxCommand {
    SandboxCommand::Exec(Exec {
        cmd: cmd.to_owned(),
        args: args.iter().map(ToString::to_string).collect(),
        cwd: None,
        env: std::collections::BTreeMap::default(),
        user: None,
        timeout_sec: 3600,
        stdin: false,
        pty: None,
    })
}

/// A command as a client sends it.
pub(crate) fn message(command_id: &str, command: &SandboxCommand) -> Message {
    Message {
        command_id: CommandId::new(command_id).unwrap(),
        principal: "test".to_owned(),
        deadline: None,
        reply: None,
        trace: None,
        content: ContentType::MessagePack,
        body: Bytes::from(command.encode()),
    }
}

#[track_caller]
pub(crate) fn accepted(reply: Reply) -> Accepted {
    match reply {
        Reply::Accepted(accepted) => accepted,
        Reply::Rejected(rejected) => panic!("{rejected:?}"),
    }
}

#[track_caller]
pub(crate) fn rejected(reply: Reply) -> (Code, String) {
    match reply {
        Reply::Rejected(rejected) => (rejected.code, rejected.message),
        Reply::Accepted(accepted) => panic!("{accepted:?}"),
    }
}

impl World {
    pub(crate) fn subject(route: Route, sandbox: &SandboxId) -> CommandSubject {
        CommandSubject {
            tenant: tenant(),
            route,
            sandbox: sandbox.clone(),
        }
    }

    /// Sends a command to whoever routes, and waits for its answer.
    pub(crate) async fn ask(&self, sandbox: &SandboxId, command: &SandboxCommand) -> Reply {
        let id = CommandId::random();
        self.ask_as(id.as_str(), sandbox, command).await
    }

    /// The same under an id of the test's choice.
    pub(crate) async fn ask_as(&self, id: &str, sandbox: &SandboxId, command: &SandboxCommand) -> Reply {
        self.request(Route::Any, sandbox, message(id, command))
            .await
            .unwrap()
    }

    /// Sends a command to the host itself.
    pub(crate) async fn ask_host(&self, sandbox: &SandboxId, message: Message) -> Reply {
        self.request(Route::Host(host_id()), sandbox, message)
            .await
            .unwrap()
    }

    pub(crate) async fn request(
        &self,
        route: Route,
        sandbox: &SandboxId,
        message: Message,
    ) -> Result<Reply, QueueError> {
        let subject = Self::subject(route, sandbox);
        self.memory.queue().request(&subject, message, PATIENCE).await
    }

    /// Queues a command for the host without waiting for an answer.
    pub(crate) async fn publish(&self, sandbox: &SandboxId, message: &Message) {
        let subject = Self::subject(Route::Host(host_id()), sandbox);
        self.memory.queue().publish(&subject, message).await.unwrap();
    }

    /// Creates a sandbox and waits until it runs.
    pub(crate) async fn running(&self, name: &str) -> SandboxId {
        let sandbox = id(name);
        accepted(self.ask(&sandbox, &create()).await);
        self.phase(&sandbox, Phase::Running).await;
        sandbox
    }

    /// Runs a program; answers its id.
    pub(crate) async fn exec(&self, sandbox: &SandboxId, cmd: &str, args: &[&str]) -> ProcessId {
        let command = CommandId::random();
        accepted(self.ask_as(command.as_str(), sandbox, &exec(cmd, args)).await);
        ProcessId::from_command(sandbox, &command)
    }

    pub(crate) async fn kill(&self, sandbox: &SandboxId) {
        accepted(self.ask(sandbox, &kill()).await);
    }

    /// Waits until `sandbox` is as `look` wants it.
    pub(crate) async fn until<R>(
        &self,
        sandbox: &SandboxId,
        look: impl FnMut(&View<Sandbox>) -> Option<R>,
    ) -> R {
        self.until_within(PATIENCE, sandbox, look).await
    }

    pub(crate) async fn until_within<R>(
        &self,
        patience: Duration,
        sandbox: &SandboxId,
        mut look: impl FnMut(&View<Sandbox>) -> Option<R>,
    ) -> R {
        let found = self
            .fleet
            .until(patience, |fleet| look(fleet.sandbox(&tenant(), sandbox)?));
        match found.await {
            Some(found) => found,
            None => panic!("{sandbox} never came to it: {:#?}", self.events(sandbox).await),
        }
    }

    pub(crate) async fn phase(&self, sandbox: &SandboxId, phase: Phase) {
        self.until(sandbox, |view| (view.state.phase == phase).then_some(()))
            .await;
    }

    /// Waits until `sandbox` has ended, and nothing of it is left anywhere on the host.
    pub(crate) async fn gone(&self, sandbox: &SandboxId, phase: Phase) {
        self.phase(sandbox, phase).await;
        eventually("its host holds nothing of it", || {
            !self
                .machine
                .holders()
                .iter()
                .any(|owner| owner.sandbox == *sandbox)
        })
        .await;
        eventually("its actor retires", || self.actors() == self.live()).await;
    }

    fn live(&self) -> usize {
        self.fleet.read(|fleet| fleet.live().count())
    }

    pub(crate) async fn events(&self, sandbox: &SandboxId) -> Vec<SandboxEvent> {
        let subject = EventSubject::sandbox(tenant(), sandbox.clone());
        let page = self.memory.journal().read(&subject, Sequence(0)).await.unwrap();
        let commits = page
            .records
            .iter()
            .map(|record| Commit::<SandboxEvent>::decode(&record.payload));
        commits.flat_map(|commit| commit.unwrap().events).collect()
    }

    /// The kinds of its events, in order.
    pub(crate) async fn kinds(&self, sandbox: &SandboxId) -> Vec<String> {
        let kind = |event: &SandboxEvent| match serde_json::to_value(event).unwrap()["type"].as_str() {
            Some(kind) => kind.to_owned(),
            None => panic!("{event:?}"),
        };
        self.events(sandbox).await.iter().map(kind).collect()
    }

    /// A program's whole output, which must end.
    pub(crate) async fn output(&self, sandbox: &SandboxId, process: &ProcessId) -> Vec<Frame> {
        let subject = OutputSubject {
            tenant: tenant(),
            sandbox: sandbox.clone(),
            process: process.clone(),
        };
        let frames = self.memory.output().follow(&subject).await.unwrap();
        let frames = tokio::time::timeout(PATIENCE, frames.boxed().try_collect()).await;
        frames.expect("the output ends").unwrap()
    }
}

/// Waits for what no projection tells of.
pub(crate) async fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !look() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
