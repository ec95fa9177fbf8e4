//! Deleting a template that was made from a sandbox.

use roost_schemas::command::{DeleteTemplate, SandboxCommand};
use roost_schemas::commit::Commit;
use roost_schemas::event::TemplateEvent;
use roost_schemas::subject::{AggregateId, CommandSubject, EventSubject, Route};
use roost_schemas::{SandboxId, Sequence, TemplateName};

use crate::command::reused;
use crate::error::{ApiError, Code};
use crate::idempotency::CommandKey;
use crate::state::Gateway;

/// What stands in a sandbox's place in the subject of commands about templates.
const TEMPLATES: &str = "templates";

impl Gateway {
    /// Lets no sandbox start from `name` any more; those that did run on. The place in the log at which that stands.
    pub(crate) async fn delete_template(
        &self,
        name: &TemplateName,
        key: &CommandKey,
    ) -> Result<Sequence, ApiError> {
        let log = EventSubject {
            tenant: self.tenant().clone(),
            aggregate: AggregateId::Template(name.clone()),
        };
        if key.given
            && let Some(record) = self.recorded(&log, &key.id).await?
        {
            let commit = Commit::<TemplateEvent>::decode(&record.payload)?;
            if !commit.events.contains(&TemplateEvent::Deleted) {
                return Err(reused(&key.id, record.sequence));
            }
            self.reach(record.sequence).await?;
            return Ok(record.sequence);
        }
        self.check_deletable(name).await?;
        let subject = CommandSubject {
            tenant: self.tenant().clone(),
            route: Route::Any,
            sandbox: SandboxId::new(TEMPLATES)
                .map_err(|error| ApiError::new(Code::Internal, error.to_string()))?,
        };
        let delete = SandboxCommand::DeleteTemplate(DeleteTemplate { name: name.clone() });
        let sequence = self.ask(&subject, &log, key, &delete).await??;
        self.reach(sequence).await?;
        Ok(sequence)
    }

    /// Refuses a name that is no template's, and an image's. What reads show may be behind the log, so its end is reached
    /// first.
    async fn check_deletable(&self, name: &TemplateName) -> Result<(), ApiError> {
        self.reach(self.ports().journal.head().await?).await?;
        let is_snapshot = self.fleet().read(|fleet| {
            let view = fleet.template(self.tenant(), name)?;
            Some(view.state.registered.is_none())
        });
        match is_snapshot {
            Some(true) => Ok(()),
            Some(false) => {
                let message = format!(
                    "template {name} is an image that its hosts bring; only templates made from sandboxes can be deleted"
                );
                Err(ApiError::new(Code::InvalidState, message))
            }
            None => Err(ApiError::no_template(name)),
        }
    }
}
