//! Deleting a template: what was started from it runs on, and its snapshot stays as long as anything needs it.

use std::sync::Arc;

use roost_domain::Rejection;
use roost_domain::template::{Command, Template};
use roost_journal::port::Delivery;
use roost_schemas::command::DeleteTemplate;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{TemplateName, TenantId};

use super::{Obstacle, Routed, Router};
use crate::{Ledger, Refusal, intake};

impl Router {
    pub(super) async fn delete_template(
        &self,
        delivery: &Delivery,
        delete: DeleteTemplate,
    ) -> Result<Routed, Obstacle> {
        let DeleteTemplate { name } = delete;
        let mut ledger = self.template(delivery.subject.tenant.clone(), &name).await?;
        let envelope = intake::envelope(delivery, Command::Delete);
        if !ledger.knows(&envelope) {
            intake::in_time(&delivery.message, &*self.clock)?;
            if !ledger.state().is_there() {
                return Err(self.missing(name).await?.into());
            }
        }
        let done = ledger.execute(&envelope).await?;
        Ok(self.accepted(done).await)
    }

    /// Why what the tenant does not have cannot be deleted.
    async fn missing(&self, name: TemplateName) -> Result<Rejection, Refusal> {
        if self.template(TenantId::system(), &name).await?.state().is_there() {
            return Ok(Rejection::TemplateIsImage);
        }
        Ok(Rejection::NotFound {
            what: "template",
            id: name.to_string(),
            hint: String::new(),
        })
    }

    async fn template(&self, tenant: TenantId, name: &TemplateName) -> Result<Ledger<Template>, Refusal> {
        let aggregate = AggregateId::Template(name.clone());
        Ledger::load(Arc::clone(&self.journal), EventSubject { tenant, aggregate }).await
    }
}
