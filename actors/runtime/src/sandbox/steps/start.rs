//! Starting: from the snapshot that the sandbox is a branch of, else from its template's boot snapshot, else cold.
//!
//! ```text
//!   a fork, a template's snapshot ──▶ restore
//!   an image ──▶ boot snapshot there, or made now ──▶ restore ──unusable──▶ made anew, once ──▶ restore
//!      └─ none, not makeable, or two boots have failed ──▶ cold
//! ```

use std::sync::Arc;
use std::time::Duration;

use roost_domain::sandbox::MAX_START_ATTEMPTS;
use roost_schemas::SnapshotId;
use tokio::time::Instant;

use super::{Task, guarded, ms_since, not_wanted};
use crate::observe::phase;
use crate::port::{Fault, Vm};
use crate::sandbox::Report;

/// A VM, and what it was restored from.
type Started = (Arc<dyn Vm>, Option<SnapshotId>);

impl Task {
    pub(super) async fn start(&self, after: Duration) -> Report {
        let generation = self.owner.generation;
        let attempt = self.sandbox.failed_starts.saturating_add(1);
        let ready = self.cancel.run_until_cancelled(tokio::time::sleep(after)).await;
        let begin = Instant::now();
        let started = match ready {
            Some(()) => guarded(self.started(attempt)).await,
            None => Err(not_wanted("start")),
        };
        match started {
            Ok((vm, restored_from)) => Report::Booted {
                generation,
                vm,
                boot_ms: ms_since(begin),
                restored_from,
            },
            Err(fault) => {
                self.undo(&self.owner).await;
                Report::BootFailed {
                    generation,
                    attempt,
                    cause: fault.into(),
                }
            }
        }
    }

    async fn started(&self, attempt: u32) -> Result<Started, Fault> {
        if let Some(base) = &self.sandbox.base {
            return Ok((
                phase("restore", "all", self.restore(base)).await?,
                Some(base.id.clone()),
            ));
        }
        // What is wrong with its boot snapshot, or with making one, is not to keep a sandbox from starting.
        let tries = if attempt < MAX_START_ATTEMPTS { 2 } else { 0 };
        for _ in 0..tries {
            let Some(boot) = self.boot_snapshot().await? else {
                break;
            };
            match phase("restore", "all", self.restore(&boot.snapshot)).await {
                Err(fault) if fault.unusable.is_some() => {
                    tracing::error!(owner = %self.owner, %fault, "a boot snapshot cannot be used; it is made anew");
                    self.undo(&self.owner).await;
                }
                restored => return Ok((restored?, Some(boot.snapshot.id))),
            }
        }
        Ok((phase("boot", "all", self.boot()).await?, None))
    }
}
