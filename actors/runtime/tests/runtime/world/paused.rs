//! Words about pauses, snapshots and templates.

use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::command::{Create, DeleteTemplate, Fork, Pause, Resume, SandboxCommand, TakeSnapshot};
use roost_schemas::reply::Reply;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{CommandId, Owner, SandboxId, SnapshotId, TemplateName};

use super::{World, accepted, create, id, tenant};

pub(crate) fn pause() -> SandboxCommand {
    SandboxCommand::Pause(Pause::default())
}

pub(crate) fn resume() -> SandboxCommand {
    SandboxCommand::Resume(Resume::default())
}

pub(crate) fn template_name(name: &str) -> TemplateName {
    TemplateName::new(name).unwrap()
}

/// Asks for a snapshot, to become the template `name` if there is one.
pub(crate) fn take(name: Option<&str>) -> SandboxCommand {
    SandboxCommand::Snapshot(TakeSnapshot {
        name: name.map(template_name),
    })
}

pub(crate) fn create_from(name: &str) -> SandboxCommand {
    create_with(|create| create.spec.template = template_name(name))
}

pub(crate) fn fork(source: &SandboxId, snapshot: &SnapshotId) -> SandboxCommand {
    let fork = Fork {
        sandbox: source.clone(),
        snapshot: snapshot.clone(),
    };
    create_with(|create| create.fork = Some(fork))
}

fn create_with(change: impl FnOnce(&mut Create)) -> SandboxCommand {
    let SandboxCommand::Create(mut wanted) = create() else {
        unreachable!()
    };
    change(&mut wanted);
    SandboxCommand::Create(wanted)
}

impl World {
    /// The sandbox as it is known now.
    pub(crate) fn now(&self, sandbox: &SandboxId) -> Sandbox {
        let state = self.fleet.read(|fleet| {
            let view = fleet.sandbox(&tenant(), sandbox)?;
            Some(view.state.clone())
        });
        state.expect("it is known")
    }

    /// Who has what the sandbox holds now.
    pub(crate) fn holder(&self, sandbox: &SandboxId) -> Owner {
        Owner {
            sandbox: sandbox.clone(),
            generation: self.now(sandbox).generation(),
        }
    }

    /// Pauses `sandbox`, and waits until nothing of it is left but its snapshot.
    pub(crate) async fn paused(&self, sandbox: &SandboxId) -> Snapshot {
        accepted(self.ask(sandbox, &pause()).await);
        self.phase(sandbox, Phase::Paused).await;
        self.freed(sandbox).await;
        self.now(sandbox).base.expect("it is paused as something")
    }

    /// Waits until `sandbox` holds nothing.
    pub(crate) async fn freed(&self, sandbox: &SandboxId) {
        super::eventually("it is freed", || {
            let holders = self.machine.holders();
            !holders.iter().any(|owner| owner.sandbox == *sandbox)
        })
        .await;
    }

    /// Resumes `sandbox`, and waits until it runs; answers who has its VM.
    pub(crate) async fn resumed(&self, sandbox: &SandboxId) -> Owner {
        accepted(self.ask(sandbox, &resume()).await);
        self.phase(sandbox, Phase::Running).await;
        self.holder(sandbox)
    }

    /// Has a snapshot taken, and waits for it.
    pub(crate) async fn taken(&self, sandbox: &SandboxId) -> Snapshot {
        let command = CommandId::random();
        accepted(self.ask_as(command.as_str(), sandbox, &take(None)).await);
        let snapshot = SnapshotId::from_command(sandbox, &command);
        self.until(sandbox, |view| view.state.snapshot(&snapshot).cloned())
            .await
    }

    /// Has `sandbox` saved as the template `name`, and waits until that is done or has failed.
    pub(crate) async fn saved(&self, sandbox: &SandboxId, name: &str) {
        accepted(self.ask(sandbox, &take(Some(name))).await);
        self.until(sandbox, |view| view.state.asked.is_empty().then_some(()))
            .await;
    }

    pub(crate) async fn delete_template(&self, name: &str) -> Reply {
        let command = SandboxCommand::DeleteTemplate(DeleteTemplate {
            name: template_name(name),
        });
        self.ask(&id("templates"), &command).await
    }

    /// Creates a sandbox by `command`, and waits until it runs; answers who has its VM.
    pub(crate) async fn running_by(&self, name: &str, command: &SandboxCommand) -> Owner {
        let sandbox = id(name);
        accepted(self.ask(&sandbox, command).await);
        self.phase(&sandbox, Phase::Running).await;
        self.holder(&sandbox)
    }
}
