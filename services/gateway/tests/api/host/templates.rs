//! Templates that are made from sandboxes, and are deleted.

use roost_domain::Rejection;
use roost_domain::sandbox::{Command, Sandbox};
use roost_domain::template::{Command as TemplateCommand, Template};
use roost_schemas::event::{Cause, TemplateFromSnapshot};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, SandboxId, TemplateName, TenantId};

use super::{Script, execute};

impl Script {
    fn template(&self, name: &TemplateName) -> EventSubject {
        EventSubject {
            tenant: self.tenant.clone(),
            aggregate: AggregateId::Template(name.clone()),
        }
    }

    /// Makes a snapshot the template that was asked for.
    pub(super) async fn save(
        &self,
        id: &SandboxId,
        state: &Sandbox,
        snapshot: Snapshot,
        name: &TemplateName,
    ) {
        let requested = state.requested.as_ref().unwrap();
        let saved = TemplateFromSnapshot {
            sandbox: id.clone(),
            snapshot: snapshot.clone(),
            base: requested.spec.template.clone(),
            resources: requested.resources,
        };
        let save = TemplateCommand::Save(saved);
        let saved = execute::<Template>(&self.ports, self.template(name), CommandId::random(), save).await;
        let told = match saved {
            Ok(_) => Command::TemplateSaved {
                snapshot: snapshot.id,
                name: name.clone(),
            },
            Err(rejection) => Command::SnapshotFailed {
                snapshot: snapshot.id,
                cause: Cause::StepFailed {
                    step: "save the template".into(),
                    detail: rejection.to_string(),
                },
            },
        };
        self.report(id, told).await;
    }

    /// As the router does it.
    pub(super) async fn delete_template(&self, command_id: CommandId, name: &TemplateName) -> Reply {
        let image = self.ports.fleet.read(|fleet| {
            let view = fleet.template(&TenantId::system(), name);
            view.is_some_and(|view| view.state.registered.is_some())
        });
        let deleted = if image {
            Err(Rejection::TemplateIsImage)
        } else {
            execute::<Template>(
                &self.ports,
                self.template(name),
                command_id,
                TemplateCommand::Delete,
            )
            .await
        };
        match deleted {
            Ok((sequence, _)) => Reply::Accepted(Accepted {
                sequence,
                state: "deleted".into(),
            }),
            Err(rejection) => Reply::Rejected(rejection.into()),
        }
    }
}
