//! The steps themselves, one file each: provisioning in order, undoing in reverse.
//!
//! ```text
//!   claim slot ─▶ create drives ─▶ boot engine ─▶ greet guest                       start (cold)
//!   open image, claim slot ─▶ drive ─▶ load ─▶ vCPUs run ─▶ greet ─▶ set rules      start, resume (restore)
//!   let come to rest ─▶ stop vCPUs ─▶ dump ─▶ collect ─▶ seal                       pause
//!   the same, with vCPUs running again and programs woken before the seal           snapshot
//!   release slot ◀─ remove drives ◀─ destroy engine                                 release, free, whatever failed
//! ```
//!
//! A step runs in its own task, holds its owner's lock, and reports once. Only waits for a guest are cut short by a
//! cancellation: the rest is brief, must not be dropped half-way, and looks between two parts whether it is still wanted.

mod apply;
mod attach;
mod builder;
mod cold;
mod compact;
mod free;
mod pause;
mod portrait;
mod restore;
mod resume;
mod save;
mod snapshot;
mod start;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ractor::ActorRef;
use roost_domain::sandbox::Sandbox;
use roost_schemas::event::Requested;
use roost_schemas::{Owner, Sequence, TemplateName, TenantId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::step::Step;
use super::{Message, Report};
use crate::host::Context;
use crate::observe;
use crate::port::Fault;

/// The pause before what could not be done is tried again.
const BACKOFF: Duration = Duration::from_secs(1);

/// What a step is taken with.
pub(super) struct Task {
    pub context: Arc<Context>,
    pub tenant: TenantId,
    /// Whose things it is about.
    pub owner: Owner,
    pub sandbox: Sandbox,
    /// How much of the log is in `sandbox`: tells one answer to a request from the answer to the same request later.
    pub seen: Sequence,
    pub cancel: CancellationToken,
    pub myself: ActorRef<Message>,
}

impl Task {
    pub(super) fn spawn(self, step: Step) {
        let myself = self.myself.clone();
        let generation = self.owner.generation;
        let name = format!("{step:?}");
        let work = async move {
            // An actor that was restarted may order a step while its former life's is still ending.
            let _turn = self.context.turns.take(&self.owner).await;
            // On the heap: what a step may hold, whichever it is, is large.
            let work = Box::pin(self.work(&step));
            observe::step(step.name(), &self.owner, work).await
        };
        let work = tokio::spawn(work.in_current_span());
        tokio::spawn(async move {
            let report = match work.await {
                Ok(report) => report,
                Err(panic) => {
                    tracing::error!(%panic, step = name, "a step panicked; it is taken again");
                    tokio::time::sleep(BACKOFF).await;
                    Report::Stuck { generation }
                }
            };
            // An actor that is gone by now looks at the state itself when it is back.
            let _ = myself.send_message(report.into());
        });
    }

    async fn work(&self, step: &Step) -> Report {
        match step {
            Step::Start { after } => self.start(*after).await,
            Step::Resume => self.resume().await,
            Step::Attach => self.attach().await,
            Step::Apply => self.apply().await,
            Step::Pause => self.pause().await,
            Step::Snapshot(id) => self.snapshot(id).await,
            Step::Save(id, template) => self.save(id, template).await,
            Step::Compact => self.compact().await,
            Step::Free(_) => self.free().await,
            Step::Release { before } => self.release(*before).await,
        }
    }

    fn requested(&self) -> Result<&Requested, Fault> {
        let requested = self.sandbox.requested.as_ref();
        requested.ok_or_else(|| Fault::new("look the sandbox up", "the log has no request for it"))
    }

    /// The image behind its read-only drive, which is not the template's name where that is a snapshot.
    async fn image(&self) -> Result<TemplateName, Fault> {
        let requested = self.requested()?;
        match (&requested.from, &self.sandbox.base) {
            (Some(_), Some(base)) => Ok(self.context.snapshots.seal_of(base).await?.template),
            _ => Ok(requested.spec.template.clone()),
        }
    }

    /// Fails if the step is not wanted any more.
    fn go_on(&self, step: &'static str) -> Result<(), Fault> {
        if self.cancel.is_cancelled() {
            return Err(not_wanted(step));
        }
        Ok(())
    }

    /// Says that the step is to be taken again, after a while.
    async fn stuck(&self) -> Report {
        self.cancel.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
        Report::Stuck {
            generation: self.owner.generation,
        }
    }
}

fn not_wanted(step: &'static str) -> Fault {
    Fault::new(
        step,
        "the sandbox was ended, or asked for something else, meanwhile",
    )
}

/// Runs `work`, and takes a panic in it for a fault: what it has begun is to be undone all the same.
async fn guarded<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done,
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("without words");
            Err(Fault::new("run a step", format!("it panicked: {words}")))
        }
    }
}

/// Milliseconds since `begin`.
fn ms_since(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}
