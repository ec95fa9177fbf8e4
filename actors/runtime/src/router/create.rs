//! Placing a new sandbox.

use std::sync::Arc;

use bytes::Bytes;
use roost_domain::limits::{Promised, Usage};
use roost_domain::sandbox::{Command, Sandbox};
use roost_domain::{Rejection, placement};
use roost_journal::port::{Delivery, Message};
use roost_schemas::command::{ContentType, Create, Placement, SandboxCommand, Start};
use roost_schemas::subject::{CommandSubject, EventSubject, Route};
use roost_schemas::{CommandId, Sequence, TenantId};

use super::{Obstacle, Routed, Router};
use crate::{Done, Ledger, Refusal, intake};

impl Router {
    pub(super) async fn create(
        &self,
        promised: &mut Promised,
        delivery: &Delivery,
        create: Create,
    ) -> Result<Routed, Obstacle> {
        let CommandSubject {
            tenant, sandbox: id, ..
        } = &delivery.subject;
        let subject = EventSubject::sandbox(tenant.clone(), id.clone());
        let mut ledger = Ledger::<Sandbox>::load(Arc::clone(&self.journal), subject).await?;
        let done = self.commit(&mut ledger, promised, delivery, create).await?;
        self.start(&ledger, delivery).await?;
        Ok(self.accepted(done).await)
    }

    async fn commit(
        &self,
        ledger: &mut Ledger<Sandbox>,
        promised: &mut Promised,
        delivery: &Delivery,
        create: Create,
    ) -> Result<Done, Refusal> {
        let absent = ledger.folded().sequence == Sequence::default();
        // What was placed before stays where it is; the decision then only recognises the command, or refuses it.
        let placement = if absent {
            intake::in_time(&delivery.message, &*self.clock)?;
            self.see_all().await?;
            self.check_tenant(&delivery.subject)?;
            self.check_free(&delivery.subject)?;
            let CommandSubject { tenant, sandbox, .. } = &delivery.subject;
            let placement = self.place(tenant, &create).await?;
            let template = &create.spec.template;
            self.fleet.read(|fleet| {
                let added = Usage::of_new(fleet, tenant, template, placement.resources);
                let promised = promised.besides(fleet, tenant, sandbox, self.clock.now());
                fleet.check_limits(tenant, promised, added)
            })?;
            Some(placement)
        } else {
            None
        };
        let envelope = intake::envelope(delivery, Command::Create(Create { placement, ..create }));
        ledger.execute(&envelope).await
    }

    /// Refuses a tenant's client whose tenant was never made, though it was given credentials: nothing says how much it may have.
    fn check_tenant(&self, subject: &CommandSubject) -> Result<(), Rejection> {
        let there = || self.fleet.read(|fleet| fleet.has_tenant(&subject.tenant));
        if subject.route == Route::Client && !there() {
            Err(Rejection::NoTenant)
        } else {
            Ok(())
        }
    }

    /// Refuses an id that stands for a sandbox of another tenant, or did: a VM of it may stand on its host yet. A gateway
    /// makes none twice, but whoever writes commands by hand chooses; and hosts know their VMs by the id alone, as does
    /// everybody who comes to their ports. So whoever chooses an id that another chose is told that it is taken; what
    /// gateways make cannot be tried (see `client`).
    fn check_free(&self, subject: &CommandSubject) -> Result<(), Rejection> {
        let CommandSubject { tenant, sandbox, .. } = subject;
        if self.fleet.read(|fleet| fleet.has_elsewhere(tenant, sandbox)) {
            Err(Rejection::AlreadyExists)
        } else {
            Ok(())
        }
    }

    async fn place(&self, tenant: &TenantId, create: &Create) -> Result<Placement, Refusal> {
        let Some(fork) = &create.fork else {
            return Ok(self
                .fleet
                .read(|fleet| placement::place(fleet, tenant, &create.spec))?);
        };
        // Not the fleet, which may not have heard of a snapshot that was taken just now.
        let subject = EventSubject::sandbox(tenant.clone(), fork.sandbox.clone());
        let source = Ledger::<Sandbox>::load(Arc::clone(&self.journal), subject).await?;
        Ok(self
            .fleet
            .read(|fleet| placement::branch(fleet, &create.spec, fork, source.state()))?)
    }

    /// Tells the chosen host to begin. Told twice, it begins once.
    async fn start(&self, ledger: &Ledger<Sandbox>, delivery: &Delivery) -> Result<(), Obstacle> {
        let Some(placed) = &ledger.state().placed else {
            return Ok(());
        };
        let CommandSubject { tenant, sandbox, .. } = delivery.subject.clone();
        let generation = placed.generation;
        let message = Message {
            command_id: CommandId::system(&sandbox, generation, "start"),
            principal: delivery.message.principal.clone(),
            deadline: None,
            reply: None,
            trace: delivery.message.trace,
            content: ContentType::MessagePack,
            body: Bytes::from(SandboxCommand::Start(Start { generation }).encode()),
        };
        let subject = CommandSubject {
            tenant,
            route: Route::Host(placed.host.clone()),
            sandbox,
        };
        Ok(self.queue.publish(&subject, &message).await?)
    }
}
