//! Resuming: what the sandbox is paused as, restored.

use tokio::time::Instant;

use super::{Task, guarded, ms_since};
use crate::observe::phase;
use crate::port::Fault;
use crate::sandbox::Report;

impl Task {
    pub(super) async fn resume(&self) -> Report {
        let generation = self.owner.generation;
        let begin = Instant::now();
        let Some(base) = &self.sandbox.base else {
            let fault = Fault::new("resume", "the log does not say what it is paused as");
            let cause = fault.into();
            return Report::ResumeFailed { generation, cause };
        };
        match guarded(phase("restore", "all", self.restore(base))).await {
            Ok(vm) => Report::Booted {
                generation,
                vm,
                boot_ms: ms_since(begin),
                restored_from: Some(base.id.clone()),
            },
            Err(fault) => {
                tracing::warn!(owner = %self.owner, %fault, "could not be resumed; it stays paused");
                self.undo(&self.owner).await;
                let cause = fault.into();
                Report::ResumeFailed { generation, cause }
            }
        }
    }
}
