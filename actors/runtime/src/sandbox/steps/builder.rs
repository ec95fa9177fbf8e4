//! Boot snapshots: a template is booted once, in a VM that belongs to no sandbox, and what it is then is kept.
//!
//! ```text
//!   there ─▶ it
//!   wait for whoever makes it ─▶ there by now ─▶ it
//!      └─▶ slot ─▶ drives ─▶ boot ─▶ guest answers ─▶ picture ─▶ seal ─▶ destroy the VM ─▶ it
//!                                                        └─ failed: said why, let alone for a while ─▶ none
//! ```

use std::sync::Arc;

use roost_schemas::network::NetworkPolicy;
use roost_schemas::{Generation, Owner, SandboxId, SnapshotId};

use super::portrait::Portrait;
use super::{Task, guarded, not_wanted};
use crate::host::{self, Context};
use crate::port::{Fault, Portrayed, Sealed, VmSpec};

const STEP: &str = "make the boot snapshot";

impl Task {
    /// The boot snapshot of this sandbox's template; nothing if it is to boot without one. Fails only if the sandbox is
    /// not wanted any more.
    pub(super) async fn boot_snapshot(&self) -> Result<Option<Sealed>, Fault> {
        let Context {
            snapshots,
            rests,
            turns,
            ..
        } = &*self.context;
        let requested = self.requested()?;
        let id = match snapshots
            .of_boot(&requested.spec.template, requested.resources)
            .await
        {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(None),
            Err(fault) => return Ok(self.without(&fault)),
        };
        match snapshots.find(&id).await {
            Ok(None) if rests.has(&id) => return Ok(None),
            Ok(None) => {}
            Ok(there) => return Ok(there),
            Err(fault) => return Ok(self.without(&fault)),
        }
        let builder = builder(&id);
        let turn = self.cancel.run_until_cancelled(turns.take(&builder)).await;
        let _turn = turn.ok_or_else(|| not_wanted(STEP))?;
        let made = guarded(self.made(&id, &builder)).await;
        match made {
            Ok(made) => Ok(made),
            Err(fault) if self.cancel.is_cancelled() => Err(fault),
            Err(fault) => {
                rests.begin(&id);
                Ok(self.without(&fault))
            }
        }
    }

    fn without(&self, fault: &Fault) -> Option<Sealed> {
        tracing::error!(owner = %self.owner, %fault, "no boot snapshot; the sandbox boots without one");
        None
    }

    /// What another has made meanwhile, or what is made now.
    async fn made(&self, id: &SnapshotId, builder: &Owner) -> Result<Option<Sealed>, Fault> {
        let Context { snapshots, rests, .. } = &*self.context;
        if let Some(made) = snapshots.find(id).await? {
            return Ok(Some(made));
        }
        if rests.has(id) {
            return Ok(None);
        }
        let built = guarded(self.build(id, builder)).await;
        if !self.undo(builder).await {
            // Nobody else has a reason to come back to it in this life of the host.
            tokio::spawn(host::insist(Arc::clone(&self.context), builder.clone()));
        }
        if built.is_err() {
            self.discard(id).await;
        }
        built.map(Some)
    }

    async fn build(&self, id: &SnapshotId, builder: &Owner) -> Result<Sealed, Fault> {
        let Context {
            slots,
            disks,
            engines,
            guests,
            snapshots,
            ..
        } = &*self.context;
        let requested = self.requested()?;
        let template = &requested.spec.template;
        let slot = slots.claim(builder).await?;
        let address = slot.address;
        slots.apply(builder, &NetworkPolicy::closed()).await?;
        let drives = disks.create(builder, template).await?;
        let of = Portrayed {
            template: template.clone(),
            resources: requested.resources,
            drives: drives.clone(),
            parent: None,
        };
        let spec = VmSpec {
            resources: requested.resources,
            drives,
            slot,
            template: template.clone(),
        };
        let vm = engines.boot(builder, &spec).await?;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(not_wanted(STEP)),
            cause = vm.exited() => return Err(Fault::new(STEP, format!("the engine is gone: {cause:?}"))),
            booted = guests.await_boot(address) => booted?,
        }
        let portrait = Portrait {
            context: &self.context,
            owner: builder,
            vm: &*vm,
            address,
            id,
            of: &of,
            damaged: None,
            cancel: &self.cancel,
            marks: None,
        };
        let taken = portrait.take().await?;
        snapshots.seal(&taken.draft, &of, taken.dumped).await
    }
}

/// Who the VM belongs to that is booted for `id`: no sandbox has such an owner, so the next start of the host destroys
/// what is left of it.
fn builder(id: &SnapshotId) -> Owner {
    Owner {
        sandbox: SandboxId::new(id.as_str()).expect("a snapshot's id is made by a sandbox id's rule"),
        generation: Generation::default().next(),
    }
}
