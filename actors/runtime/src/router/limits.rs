//! Holding a tenant to its limits.

use roost_domain::fleet::Fleet;
use roost_domain::limits::Usage;
use roost_schemas::TenantId;

use super::{FOLD_PATIENCE, Router};
use crate::Refusal;
use crate::fleet::NotCaughtUp;

impl Router {
    /// Refuses what would bring `tenant` above one of its limits. One that has none waits for nothing.
    pub(super) async fn check_limits(
        &self,
        tenant: &TenantId,
        added: impl Fn(&Fleet) -> Usage,
    ) -> Result<(), Refusal> {
        if self.fleet.read(|fleet| fleet.limits(tenant)).is_none() {
            return Ok(());
        }
        self.see_all().await?;
        Ok(self
            .fleet
            .read(|fleet| fleet.check_limits(tenant, added(fleet)))?)
    }

    /// Waits until the fleet has what was decided before. Commands are decided one at a time, but what this router, or the
    /// one it succeeds, has committed may not be folded yet.
    pub(super) async fn see_all(&self) -> Result<(), Refusal> {
        self.fleet
            .catch_up(&*self.journal, FOLD_PATIENCE)
            .await
            .map_err(|late| match late {
                NotCaughtUp::Journal(error) => Refusal::Journal(error),
                NotCaughtUp::Fold(waited) => Refusal::Behind(waited.to_string()),
            })
    }
}
