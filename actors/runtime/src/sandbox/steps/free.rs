//! Destroying and releasing what a placement held.

use roost_schemas::{Generation, Owner};

use super::Task;
use crate::host::Context;
use crate::sandbox::Report;

impl Task {
    /// Of a placement that a pause has ended.
    pub(super) async fn free(&self) -> Report {
        if self.undo(&self.owner).await {
            return Report::Freed {
                generation: self.owner.generation,
            };
        }
        self.stuck().await
    }

    /// Of a sandbox that has ended.
    pub(super) async fn release(&self, before: Option<Generation>) -> Report {
        let generation = self.owner.generation;
        let mut done = self.undo(&self.owner).await;
        if let Some(generation) = before {
            let sandbox = self.owner.sandbox.clone();
            let owner = Owner { sandbox, generation };
            // A former life of the actor may still be freeing it.
            let _turn = self.context.turns.take(&owner).await;
            done &= self.undo(&owner).await;
        }
        if done {
            return Report::Released { generation };
        }
        self.stuck().await
    }

    /// Destroys and releases everything of `owner`; each part is tried whatever became of the others.
    pub(super) async fn undo(&self, owner: &Owner) -> bool {
        let Context {
            slots,
            disks,
            engines,
            edge,
            ..
        } = &*self.context;
        edge.close(owner);
        let results = [
            engines.destroy(owner).await,
            disks.remove(owner).await,
            slots.release(owner).await,
        ];
        for fault in results.iter().filter_map(|result| result.as_ref().err()) {
            tracing::error!(%owner, %fault, "could not release; it is tried again");
        }
        results.iter().all(Result::is_ok)
    }
}
