//! The steps themselves: provisioning in order, undoing in reverse.
//!
//! ```text
//!   claim slot ─▶ create drives ─▶ boot engine ─▶ greet guest        Boot
//!   release slot ◀─ remove drives ◀─ destroy engine                  Release, and a Boot that failed
//!   find engine, open edge                                           Attach
//!   set the slot's rules                                             Apply
//! ```
//!
//! A step runs in its own task, holds its owner's lock, and reports once. Only the wait for the guest is cut short by
//! a cancellation: the others are brief, and must not be dropped half-way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::ActorRef;
use roost_domain::sandbox::Sandbox;
use roost_schemas::Owner;
use roost_schemas::event::Cause;
use tokio_util::sync::CancellationToken;

use super::{Message, Report, Step};
use crate::host::Context;
use crate::port::{Fault, Greeting, Vm, VmSpec};

/// The pause before what could not be done is tried again.
const BACKOFF: Duration = Duration::from_secs(1);

pub(super) struct Task {
    pub context: Arc<Context>,
    pub owner: Owner,
    pub sandbox: Sandbox,
    pub cancel: CancellationToken,
    pub myself: ActorRef<Message>,
}

impl Task {
    pub(super) fn spawn(self, step: Step) {
        let myself = self.myself.clone();
        let generation = self.owner.generation;
        let attempt = self.attempt();
        let work = tokio::spawn(async move {
            // An actor that was restarted may order a step while its former life's is still ending.
            let _turn = self.context.turns.take(&self.owner).await;
            match step {
                Step::Boot { after } => self.boot(after).await,
                Step::Attach => self.attach().await,
                Step::Apply => self.apply().await,
                Step::Release => self.release().await,
            }
        });
        tokio::spawn(async move {
            let report = work.await.unwrap_or_else(|panic| {
                tracing::error!(%panic, ?step, "a step panicked");
                let fault = Fault::new("run a step", panic);
                match step {
                    Step::Boot { .. } => Report::BootFailed {
                        generation,
                        attempt,
                        cause: fault.into(),
                    },
                    Step::Attach | Step::Apply | Step::Release => Report::Stuck { generation },
                }
            });
            // An actor that is gone by now looks at the state itself when it is back.
            let _ = myself.send_message(report.into());
        });
    }

    /// Which boot of this placement it is, if it is one.
    fn attempt(&self) -> u32 {
        self.sandbox.failed_starts.saturating_add(1)
    }

    async fn boot(&self, after: Duration) -> Report {
        let generation = self.owner.generation;
        let cancelled = || Fault::new("boot", "the sandbox was ended meanwhile");
        let ready = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(cancelled()),
            () = tokio::time::sleep(after) => Ok(()),
        };
        let begin = Instant::now();
        let booted = match ready {
            Ok(()) => self.provision().await.map_err(Cause::from),
            Err(fault) => Err(fault.into()),
        };
        match booted {
            Ok(vm) => {
                let boot_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
                Report::Booted {
                    generation,
                    vm,
                    boot_ms,
                }
            }
            Err(cause) => {
                self.undo().await;
                Report::BootFailed {
                    generation,
                    attempt: self.attempt(),
                    cause,
                }
            }
        }
    }

    async fn provision(&self) -> Result<Arc<dyn Vm>, Fault> {
        let Context {
            slots,
            disks,
            engines,
            guests,
            edge,
            ..
        } = &*self.context;
        let requested = self.sandbox.requested.as_ref();
        let requested =
            requested.ok_or_else(|| Fault::new("boot", "the log has no request for this sandbox"))?;
        let (slot, drives) = tokio::join!(
            slots.claim(&self.owner),
            disks.create(&self.owner, &requested.spec.template)
        );
        let (slot, drives) = (slot?, drives?);
        let address = slot.address;
        slots.apply(&self.owner, &self.sandbox.network).await?;
        let vm = engines
            .boot(
                &self.owner,
                &VmSpec {
                    resources: requested.resources,
                    drives,
                    slot,
                    template: requested.spec.template.clone(),
                },
            )
            .await?;
        let greeting = Greeting {
            sandbox: self.owner.sandbox.clone(),
            env: requested.spec.env.clone(),
            restored: false,
        };
        // In this order, so that what is not wanted any more is undone however far it came.
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Fault::new("boot", "the sandbox was ended meanwhile")),
            cause = vm.exited() => {
                return Err(Fault::new("boot the guest", format!("the engine is gone: {cause:?}")));
            }
            greeted = guests.greet(address, &greeting) => greeted?,
        }
        // Before the log says that it runs: whoever reads that there may come at once.
        edge.open(&self.owner, address);
        Ok(vm)
    }

    async fn attach(&self) -> Report {
        let generation = self.owner.generation;
        match self.adopt().await {
            Ok(vm) => Report::Attached { generation, vm },
            Err(fault) => {
                tracing::warn!(owner = %self.owner, %fault, "cannot tell whether the VM still runs");
                tokio::time::sleep(BACKOFF).await;
                Report::Stuck { generation }
            }
        }
    }

    async fn adopt(&self) -> Result<Option<Arc<dyn Vm>>, Fault> {
        let Context {
            slots, engines, edge, ..
        } = &*self.context;
        let Some(vm) = engines.adopt(&self.owner).await? else {
            return Ok(None);
        };
        if let Some(slot) = slots.find(&self.owner).await? {
            edge.open(&self.owner, slot.address);
        }
        Ok(Some(vm))
    }

    async fn apply(&self) -> Report {
        let generation = self.owner.generation;
        let policy = self.sandbox.network.clone();
        match self.context.slots.apply(&self.owner, &policy).await {
            Ok(()) => Report::Applied { generation, policy },
            Err(fault) => {
                tracing::error!(owner = %self.owner, %fault, "the network policy is not carried out yet; it is tried again");
                self.cancel.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
                Report::Stuck { generation }
            }
        }
    }

    async fn release(&self) -> Report {
        let generation = self.owner.generation;
        if self.undo().await {
            return Report::Released { generation };
        }
        tokio::time::sleep(BACKOFF).await;
        Report::Stuck { generation }
    }

    /// Destroys and releases everything of this owner; each part is tried whatever became of the others.
    async fn undo(&self) -> bool {
        let Context {
            slots,
            disks,
            engines,
            edge,
            ..
        } = &*self.context;
        edge.close(&self.owner);
        let results = [
            engines.destroy(&self.owner).await,
            disks.remove(&self.owner).await,
            slots.release(&self.owner).await,
        ];
        for fault in results.iter().filter_map(|result| result.as_ref().err()) {
            tracing::error!(owner = %self.owner, %fault, "could not release; it is tried again");
        }
        results.iter().all(Result::is_ok)
    }
}
