//! Taking the picture of a VM: at rest, standing still, written down.
//!
//! ```text
//!   guest at rest ─▶ vCPUs stopped ─▶ draft ─▶ state and memory ─▶ drive      then it may run again, and be sealed
//! ```

use std::net::IpAddr;
use std::time::Duration;

use roost_schemas::event::Cause;
use roost_schemas::{Owner, SnapshotId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Task, not_wanted};
use crate::crash;
use crate::host::Context;
use crate::observe::phase;
use crate::port::{Draft, Dumped, Fault, Portrayed, Vm};

/// This operation, among figures.
pub(super) const PICTURE: &str = "picture";

/// How often, and after which pauses, it is tried to let a guest run again before it is given up.
const LET_RUN: (u32, Duration) = (3, Duration::from_millis(250));

/// Where a test may end the process meanwhile.
pub(super) struct Marks {
    pub quiesced: &'static str,
    pub stopped: &'static str,
    pub drafted: &'static str,
    pub dumped: &'static str,
    pub collected: &'static str,
}

/// Whose picture is taken, and as what.
pub(super) struct Portrait<'a> {
    pub context: &'a Context,
    pub owner: &'a Owner,
    pub vm: &'a dyn Vm,
    pub address: IpAddr,
    pub id: &'a SnapshotId,
    pub of: &'a Portrayed,
    /// What it was restored from, if that is damaged, so that the picture has to stand alone.
    pub damaged: Option<&'a SnapshotId>,
    pub cancel: &'a CancellationToken,
    pub marks: Option<&'static Marks>,
}

/// A picture that can be sealed, and since when the VM stands still.
pub(super) struct Taken {
    pub draft: Draft,
    pub dumped: Dumped,
    pub held: Instant,
}

impl Portrait<'_> {
    /// Leaves the VM standing still, however it ends; a draft too, which is for the caller to seal or to throw away.
    pub(super) async fn take(&self) -> Result<Taken, Fault> {
        let Context {
            engines, snapshots, ..
        } = self.context;
        // An earlier life may have come as far as this: its guest is at rest, and answers nobody.
        if !engines.is_paused(self.owner).await? {
            phase(PICTURE, "rest", self.rest()).await?;
        }
        self.mark(|marks| marks.quiesced)?;
        let held = Instant::now();
        phase(PICTURE, "stop", engines.pause(self.owner)).await?;
        self.mark(|marks| marks.stopped)?;
        let draft = match self.damaged {
            None => snapshots.draft(self.id).await?,
            Some(parent) => snapshots.draft_alone(self.id, parent).await?,
        };
        self.mark(|marks| marks.drafted)?;
        let dumped = phase(PICTURE, "dump", engines.dump(self.owner, &draft)).await?;
        self.mark(|marks| marks.dumped)?;
        phase(PICTURE, "collect", snapshots.collect(&draft, self.of)).await?;
        self.mark(|marks| marks.collected)?;
        Ok(Taken { draft, dumped, held })
    }

    /// A guest may be silent; neither whoever ends the sandbox nor a dead engine waits for it.
    async fn rest(&self) -> Result<(), Fault> {
        const STEP: &str = "let the guest come to rest";
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(not_wanted(STEP)),
            cause = self.vm.exited() => Err(Fault::new(STEP, format!("the engine is gone: {cause:?}"))),
            rested = self.context.guests.quiesce(self.address, &self.owner.sandbox) => rested,
        }
    }

    /// A place between two parts: where it may be asked whether this is still wanted.
    fn mark(&self, mark: fn(&Marks) -> &'static str) -> Result<(), Fault> {
        if let Some(marks) = self.marks {
            crash::point(mark(marks));
        }
        if self.cancel.is_cancelled() {
            return Err(not_wanted("take the snapshot"));
        }
        Ok(())
    }
}

/// What was to be a diff to a parent that turned out to be damaged, as one that stands alone; and that parent.
pub(super) fn alone(of: &Portrayed, fault: &Fault) -> Option<(Portrayed, SnapshotId)> {
    let parent = of.parent.clone()?;
    let damaged = fault.unusable.as_ref() == Some(&parent);
    let alone = Portrayed {
        parent: None,
        ..of.clone()
    };
    damaged.then_some((alone, parent))
}

impl Task {
    /// Where the guest is reached, and what a picture of it shows.
    pub(super) async fn portrayed(&self) -> Result<(IpAddr, Portrayed), Fault> {
        let template = self.image().await?;
        let drives = self.context.disks.find(&self.owner, &template).await?;
        let address = self.context.guest_of(&self.owner).await?;
        let of = Portrayed {
            template,
            resources: self.requested()?.resources,
            drives,
            parent: self
                .sandbox
                .running
                .as_ref()
                .and_then(|running| running.restored_from.clone()),
        };
        Ok((address, of))
    }

    /// Lets vCPUs and programs run on. A guest that does not is of no use to anybody; what became of it is answered.
    pub(super) async fn let_run(&self, vm: &dyn Vm) -> Result<(), Cause> {
        let (tries, pause) = LET_RUN;
        let woken = async {
            for _ in 1..tries {
                match self.woken().await {
                    Ok(()) => return Ok(()),
                    Err(fault) => tracing::warn!(owner = %self.owner, %fault, "a guest does not run on yet"),
                }
                tokio::time::sleep(pause).await;
            }
            self.woken().await.map_err(Cause::from)
        };
        tokio::select! {
            biased;
            cause = vm.exited() => Err(cause),
            woken = woken => woken,
        }
    }

    /// One try.
    pub(super) async fn woken(&self) -> Result<(), Fault> {
        let Context { engines, guests, .. } = &*self.context;
        engines.resume(&self.owner).await?;
        crash::point("snapshot.resumed");
        let address = self.context.guest_of(&self.owner).await?;
        guests.wake(address, &self.owner.sandbox).await
    }
}
