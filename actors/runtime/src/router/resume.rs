//! Resuming: forwarded to the owner if its host has room for it.

use roost_domain::fleet::Fleet;
use roost_domain::placement;
use roost_domain::sandbox::Phase;
use roost_journal::port::Delivery;
use roost_schemas::subject::CommandSubject;

use super::{FOLD_PATIENCE, Obstacle, Routed, Router};

impl Router {
    /// Waits until the fleet knows of it, so that the next one finds the room taken.
    pub(super) async fn resume(&self, delivery: &Delivery) -> Result<Routed, Obstacle> {
        let subject = &delivery.subject;
        if !self.fleet.read(|fleet| is_paused(fleet, subject)) {
            // Nothing to make room for, as far as is known; the owner says what becomes of it.
            return self.forward(delivery).await;
        }
        self.fleet.read(|fleet| {
            let sandbox = fleet.sandbox(&subject.tenant, &subject.sandbox);
            sandbox.map_or(Ok(()), |view| placement::has_room(fleet, &view.state))
        })?;
        let routed = self.forward(delivery).await?;
        let resumes = |fleet: &Fleet| (!is_paused(fleet, subject)).then_some(());
        self.fleet.until(FOLD_PATIENCE, resumes).await;
        Ok(routed)
    }
}

fn is_paused(fleet: &Fleet, subject: &CommandSubject) -> bool {
    let view = fleet.sandbox(&subject.tenant, &subject.sandbox);
    view.is_some_and(|view| view.state.phase == Phase::Paused)
}
