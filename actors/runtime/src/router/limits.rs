//! Holding a tenant to its limits.

use roost_domain::fleet::Fleet;
use roost_domain::limits::Usage;
use roost_schemas::TenantId;

use super::{FOLD_PATIENCE, Router};
use crate::Refusal;
use crate::fleet::NotCaughtUp;

impl Router {
    /// Refuses what would bring `tenant` above one of its limits. Commands are decided one at a time, but what was decided
    /// before, by this router or the one it succeeds, may not be folded yet: a tenant that has limits waits for it.
    pub(super) async fn check_limits(
        &self,
        tenant: &TenantId,
        added: impl Fn(&Fleet) -> Usage,
    ) -> Result<(), Refusal> {
        if self.fleet.read(|fleet| fleet.limits(tenant)).is_none() {
            return Ok(());
        }
        self.fleet
            .catch_up(&*self.journal, FOLD_PATIENCE)
            .await
            .map_err(|late| match late {
                NotCaughtUp::Journal(error) => Refusal::Journal(error),
                NotCaughtUp::Fold(waited) => Refusal::Behind(waited.to_string()),
            })?;
        Ok(self
            .fleet
            .read(|fleet| fleet.check_limits(tenant, added(fleet)))?)
    }
}
