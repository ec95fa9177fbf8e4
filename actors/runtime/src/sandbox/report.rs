//! What the actor makes of a report: tell the log, then look what the new state calls for.

use std::sync::Arc;

use roost_domain::sandbox::{Command, ProcessEnd, Sandbox};
use roost_schemas::event::Cause;
use roost_schemas::{Generation, Sequence};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::state::State;
use super::{Report, outlet};
use crate::port::Vm;

impl State {
    pub(super) async fn report(&mut self, report: Report) {
        match report {
            Report::Booted {
                generation,
                vm,
                boot_ms,
            } => self.booted(generation, vm, boot_ms).await,
            Report::BootFailed {
                generation,
                attempt,
                cause,
            } => self.boot_failed(generation, attempt, cause).await,
            Report::Attached { generation, vm } => self.attached(generation, vm).await,
            Report::Vanished { generation, cause } => self.vanished(generation, cause).await,
            Report::Released { generation } => self.released(generation).await,
            Report::Stuck { generation } => self.landed(generation),
            Report::Applied { generation, policy } => {
                self.applied = Some(policy);
                self.landed(generation);
            }
            Report::Noticed {
                generation,
                fact,
                verdict,
            } => self.noticed(generation, fact, verdict).await,
            Report::ProcessEnded { end, recorded } => self.process_ended(end, recorded).await,
        }
        self.pursue().await;
    }

    async fn booted(&mut self, generation: Generation, vm: Arc<dyn Vm>, boot_ms: u64) {
        let command = Command::Started {
            generation,
            engine: vm.engine(),
            engine_version: vm.engine_version(),
            boot_ms,
            restored_from: None,
        };
        let told = self.tell(generation, "started", command).await;
        if self.settled(told, || Report::Booted {
            generation,
            vm: Arc::clone(&vm),
            boot_ms,
        }) {
            // The boot has applied the policy, and only what runs is given another.
            self.applied = self.known().map(|sandbox| sandbox.network.clone());
            self.landed(generation);
            self.watch(generation, vm);
        }
    }

    async fn boot_failed(&mut self, generation: Generation, attempt: u32, cause: Cause) {
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

    async fn attached(&mut self, generation: Generation, vm: Option<Arc<dyn Vm>>) {
        let Some(vm) = vm else {
            let command = Command::Vanished {
                generation,
                cause: Cause::HostRestarted,
            };
            let told = self.tell(generation, "vanished", command).await;
            if self.settled(told, || Report::Attached { generation, vm: None }) {
                self.landed(generation);
            }
            return;
        };
        self.landed(generation);
        self.watch(generation, vm);
        self.close_orphans();
        tracing::info!(sandbox = %self.args.sandbox, %generation, "re-adopted");
    }

    /// Programs that an earlier life of this actor carried: their output went with it.
    fn close_orphans(&mut self) {
        let Some(generation) = self.known().map(Sandbox::generation) else {
            return;
        };
        for process in std::mem::take(&mut self.orphans) {
            let carrier = self.carrier(&process, generation);
            let end = outlet::unknown(
                process.clone(),
                "the host agent was restarted while the program ran",
            );
            self.carried.insert(process);
            tokio::spawn(carrier.finish(end));
        }
    }

    async fn vanished(&mut self, generation: Generation, cause: Cause) {
        let command = Command::Vanished {
            generation,
            cause: cause.clone(),
        };
        let told = self.tell(generation, "vanished", command).await;
        if self.settled(told, || Report::Vanished { generation, cause }) {
            self.watch = None;
        }
    }

    async fn released(&mut self, generation: Generation) {
        let told = self
            .tell(generation, "ended", Command::Ended { generation })
            .await;
        if self.settled(told, || Report::Released { generation }) {
            self.released = true;
            self.watch = None;
            self.landed(generation);
        }
    }

    async fn process_ended(&mut self, end: ProcessEnd, recorded: oneshot::Sender<Sequence>) {
        let generation = self.known().map(Sandbox::generation).unwrap_or_default();
        let fact = format!("process.{}.ended", end.process);
        let process = end.process.clone();
        let told = self
            .tell(generation, &fact, Command::ProcessEnded(end.clone()))
            .await;
        let mut recorded = Some(recorded);
        let again = || Report::ProcessEnded {
            end,
            recorded: recorded.take().expect("it is told again once"),
        };
        if self.settled(told, again) {
            self.carried.remove(&process);
            let sequence = self
                .ledger
                .as_ref()
                .map(|ledger| ledger.folded().sequence)
                .unwrap_or_default();
            if let Some(recorded) = recorded {
                // Whoever asked may have given up: the log has it all the same.
                let _ = recorded.send(sequence);
            }
        }
    }

    /// Tells this actor when the engine ends.
    fn watch(&mut self, generation: Generation, vm: Arc<dyn Vm>) {
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
