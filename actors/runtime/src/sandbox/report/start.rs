//! Starts and resumes.

use std::sync::Arc;

use roost_domain::sandbox::Command;
use roost_schemas::event::Cause;
use roost_schemas::{Generation, SnapshotId};
use tokio_util::sync::CancellationToken;

use crate::crash;
use crate::port::Vm;
use crate::sandbox::Report;
use crate::sandbox::state::State;

impl State {
    pub(super) async fn booted(
        &mut self,
        generation: Generation,
        vm: Arc<dyn Vm>,
        boot_ms: u64,
        restored_from: Option<SnapshotId>,
    ) {
        let command = Command::Started {
            generation,
            engine: vm.engine(),
            engine_version: vm.engine_version(),
            boot_ms,
            restored_from: restored_from.clone(),
        };
        let told = self.tell(generation, "started", command).await;
        if restored_from.is_some() {
            crash::point("restore.told");
        }
        if self.settled(told, || Report::Booted {
            generation,
            vm: Arc::clone(&vm),
            boot_ms,
            restored_from,
        }) {
            // The step has applied the policy, and only what runs is given another.
            self.applied = self.known().map(|sandbox| sandbox.network.clone());
            self.landed(generation);
            self.watch(generation, vm);
        }
    }

    pub(super) async fn boot_failed(&mut self, generation: Generation, attempt: u32, cause: Cause) {
        let command = Command::StartFailed {
            generation,
            cause: cause.clone(),
        };
        let told = self
            .tell(generation, &format!("start_failed.{attempt}"), command)
            .await;
        if self.settled(told, || Report::BootFailed {
            generation,
            attempt,
            cause,
        }) {
            self.landed(generation);
        }
    }

    pub(super) async fn resume_failed(&mut self, generation: Generation, cause: Cause) {
        let command = Command::ResumeFailed {
            generation,
            cause: cause.clone(),
        };
        let told = self.tell(generation, "resume_failed", command).await;
        if self.settled(told, || Report::ResumeFailed { generation, cause }) {
            self.landed(generation);
        }
    }

    /// Tells this actor when the engine ends.
    pub(in crate::sandbox) fn watch(&mut self, generation: Generation, vm: Arc<dyn Vm>) {
        let cancel = CancellationToken::new();
        self.watch = Some(cancel.clone().drop_guard());
        let myself = self.myself.clone();
        tokio::spawn(async move {
            let cause = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                cause = vm.exited() => cause,
            };
            // An actor that is gone by now attaches anew, and finds the engine gone.
            let _ = myself.send_message(Report::Vanished { generation, cause }.into());
        });
    }
}
