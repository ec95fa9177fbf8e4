//! Saving a snapshot as a template: first the template's own commit, then the sandbox's.

use std::sync::Arc;

use roost_domain::Rejection;
use roost_domain::template::{Command, Template};
use roost_schemas::command::Envelope;
use roost_schemas::event::{Cause, TemplateFromSnapshot};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, SnapshotId, TemplateName, TenantId};

use super::Task;
use crate::port::Fault;
use crate::sandbox::Report;
use crate::{Ledger, Refusal};

const STEP: &str = "save the template";

/// Why a template is not saved.
enum Obstacle {
    /// It never will be.
    Final(Cause),
    /// The log does not answer now.
    Silence(Refusal),
}

impl From<Fault> for Obstacle {
    fn from(fault: Fault) -> Self {
        Self::Final(fault.into())
    }
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        if refusal.is_final() {
            return Self::Final(Fault::new(STEP, refusal).into());
        }
        Self::Silence(refusal)
    }
}

impl Task {
    pub(super) async fn save(&self, id: &SnapshotId, name: &TemplateName) -> Report {
        let generation = self.owner.generation;
        match self.saved(id, name).await {
            Ok(()) => Report::Saved {
                generation,
                snapshot: id.clone(),
                name: name.clone(),
                seen: self.seen,
            },
            Err(Obstacle::Final(cause)) => Report::SnapshotFailed {
                generation,
                snapshot: id.clone(),
                seen: self.seen,
                cause,
            },
            Err(Obstacle::Silence(error)) => {
                tracing::warn!(owner = %self.owner, template = %name, %error, "a template has to wait");
                self.stuck().await
            }
        }
    }

    async fn saved(&self, id: &SnapshotId, name: &TemplateName) -> Result<(), Obstacle> {
        let snapshot = self.sandbox.snapshot(id);
        let snapshot = snapshot.ok_or_else(|| Fault::new(STEP, format!("{id} is not kept any more")))?;
        // Everybody's templates come first where a name is looked up: one of the tenant's own would never be found.
        if self.template(TenantId::system(), name).await?.state().is_there() {
            return Err(Refusal::from(Rejection::TemplateExists).into());
        }
        let saved = TemplateFromSnapshot {
            sandbox: self.owner.sandbox.clone(),
            snapshot: snapshot.clone(),
            base: self.context.snapshots.seal_of(snapshot).await?.template,
            resources: self.requested()?.resources,
        };
        let fact = format!("save.{id}.{name}.{}", self.seen);
        let envelope = Envelope {
            command_id: CommandId::report(&self.owner.sandbox, self.owner.generation, &fact),
            at: self.context.clock.now(),
            principal: format!("host:{}", self.context.host),
            command: Command::Save(saved),
        };
        let mut template = self.template(self.tenant.clone(), name).await?;
        template.execute(&envelope).await?;
        Ok(())
    }

    async fn template(&self, tenant: TenantId, name: &TemplateName) -> Result<Ledger<Template>, Refusal> {
        let subject = EventSubject {
            tenant,
            aggregate: AggregateId::Template(name.clone()),
        };
        Ledger::load(Arc::clone(&self.context.journal), subject).await
    }
}
