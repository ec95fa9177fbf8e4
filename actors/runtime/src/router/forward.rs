//! Sending a command on to the host that owns its sandbox.

use std::sync::Arc;

use roost_domain::Rejection;
use roost_domain::sandbox::Sandbox;
use roost_journal::port::{Delivery, QueueError};
use roost_schemas::HostId;
use roost_schemas::subject::{CommandSubject, EventSubject, Route};

use super::{Obstacle, Routed, Router};
use crate::{Ledger, Refusal, intake};

impl Router {
    pub(super) async fn forward(&self, delivery: &Delivery) -> Result<Routed, Obstacle> {
        let owner = match self.known_owner(&delivery.subject) {
            Some(owner) => owner,
            None => self.owner(&delivery.subject).await?,
        };
        let subject = CommandSubject {
            route: Route::Host(owner),
            ..delivery.subject.clone()
        };
        match self.queue.publish(&subject, &delivery.message).await {
            Ok(()) => Ok(Routed::Forwarded),
            // Who waits for it is told. One that nobody waits for is tried again, until its deadline if it has one.
            Err(full @ QueueError::Full { .. }) if delivery.message.reply.is_some() => {
                Err(Obstacle::Full(full))
            }
            Err(full @ QueueError::Full { .. }) => {
                intake::in_time(&delivery.message, &*self.clock)?;
                Err(full.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn known_owner(&self, subject: &CommandSubject) -> Option<HostId> {
        self.fleet.read(|fleet| {
            let view = fleet.sandbox(&subject.tenant, &subject.sandbox)?;
            Some(view.state.placed.as_ref()?.host.clone())
        })
    }

    /// Asks the log itself: the fleet may be a moment behind a sandbox that was created just now.
    async fn owner(&self, subject: &CommandSubject) -> Result<HostId, Refusal> {
        let events = EventSubject::sandbox(subject.tenant.clone(), subject.sandbox.clone());
        let ledger = Ledger::<Sandbox>::load(Arc::clone(&self.journal), events).await?;
        ledger
            .state()
            .placed
            .as_ref()
            .map(|placed| placed.host.clone())
            .ok_or_else(|| {
                let id = subject.sandbox.to_string();
                Rejection::NotFound {
                    what: "sandbox",
                    id,
                    hint: String::new(),
                }
                .into()
            })
    }
}
