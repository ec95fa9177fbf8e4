//! Resuming: forwarded to the owner if its host has room for it, and its tenant's limits have.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::limits::{Promise, Promised, Usage};
use roost_domain::placement;
use roost_domain::sandbox::{Command, Sandbox};
use roost_journal::port::Delivery;
use roost_schemas::command::Resume;
use roost_schemas::subject::{CommandSubject, EventSubject};

use super::{FOLD_PATIENCE, Obstacle, Routed, Router};
use crate::{Ledger, intake};

/// How long a resume without a deadline is counted as its tenant's while nothing is heard of it: long enough for its host to be
/// found down, which ends it.
const PROMISED: Duration = Duration::from_mins(10);

impl Router {
    /// Waits until the fleet knows of it, so that the next one finds the room taken.
    pub(super) async fn resume(
        &self,
        promised: &mut Promised,
        delivery: &Delivery,
        resume: Resume,
    ) -> Result<Routed, Obstacle> {
        let CommandSubject { tenant, sandbox, .. } = &delivery.subject;
        let subject = EventSubject::sandbox(tenant.clone(), sandbox.clone());
        let ledger = Ledger::<Sandbox>::load(Arc::clone(&self.journal), subject).await?;
        let envelope = intake::envelope(delivery, Command::Resume(resume));
        let late = intake::in_time(&delivery.message, &*self.clock).is_err();
        if late || !ledger.would_change(&envelope) {
            // Nothing that needs room will come of it; the owner says what does.
            return self.forward(delivery).await;
        }
        self.fleet
            .read(|fleet| placement::has_room(fleet, ledger.state()))?;
        let usage = Usage::of_resumed(ledger.state());
        // One that has no limits waits for nothing.
        if self.fleet.read(|fleet| fleet.limits(tenant)).is_some() {
            self.see_all().await?;
            self.fleet.read(|fleet| {
                let promised = promised.besides(fleet, tenant, sandbox, self.clock.now());
                fleet.check_limits(tenant, promised, usage)
            })?;
        }
        let routed = self.forward(delivery).await?;
        let seen = ledger.folded().sequence;
        let resumed = self.fleet.until(FOLD_PATIENCE, |fleet| {
            let view = fleet.sandbox(tenant, sandbox)?;
            (view.sequence > seen).then_some(())
        });
        if resumed.await.is_none() {
            // A host that is away, or slow, resumes it later. Its room may be given away by then, but not what its tenant may have.
            let deadline = delivery.message.deadline;
            let promise = Promise {
                seen,
                until: deadline.unwrap_or_else(|| self.clock.now().plus(PROMISED)),
                usage,
            };
            promised.note(tenant.clone(), sandbox.clone(), promise);
        }
        Ok(routed)
    }
}
