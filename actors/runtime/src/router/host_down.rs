//! What was on a host that is down: decided here, because that host decides nothing any more.

use std::sync::Arc;

use roost_domain::Rejection;
use roost_domain::host::Host;
use roost_domain::sandbox::{Command, Sandbox};
use roost_journal::port::Delivery;
use roost_schemas::command::HostDown;
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::{AggregateId, CommandSubject, EventSubject, Route};
use roost_schemas::{HostId, TenantId};

use super::{Obstacle, Routed, Router};
use crate::{Done, Ledger, Refusal, intake};

impl Router {
    pub(super) async fn host_down(&self, delivery: &Delivery, down: HostDown) -> Result<Routed, Obstacle> {
        let CommandSubject { tenant, sandbox, .. } = &delivery.subject;
        let subject = EventSubject::sandbox(tenant.clone(), sandbox.clone());
        let mut ledger = Ledger::<Sandbox>::load(Arc::clone(&self.journal), subject).await?;
        if let Some(placed) = ledger.state().placed.clone() {
            self.require_down(&placed.host).await?;
        }
        let command = Command::HostDown {
            generation: down.generation,
        };
        let envelope = intake::envelope(delivery, command);
        let Done { sequence, state } = ledger.execute(&envelope).await?;
        if let Some(placed) = &ledger.state().placed {
            // If it comes back, it has to look at the log anew before anything else is asked of it.
            let host = CommandSubject {
                route: Route::Host(placed.host.clone()),
                ..delivery.subject.clone()
            };
            self.queue.publish(&host, &delivery.message).await?;
        }
        let state = state.to_owned();
        Ok(Routed::Answer(Reply::Accepted(Accepted { sequence, state })))
    }

    /// Asks the log itself: the host may have come back since the reconciler looked.
    async fn require_down(&self, host: &HostId) -> Result<(), Refusal> {
        let subject = EventSubject {
            tenant: TenantId::system(),
            aggregate: AggregateId::Host(host.clone()),
        };
        let ledger = Ledger::<Host>::load(Arc::clone(&self.journal), subject).await?;
        match ledger.state().down {
            Some(_) => Ok(()),
            None => Err(Rejection::HostUp(host.clone()).into()),
        }
    }
}
