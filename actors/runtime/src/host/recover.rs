//! Starting after an earlier life: what the log says is ours gets its actor, what nobody owns is destroyed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, future, stream};
use ractor::ActorRef;
use roost_domain::fleet::Fleet;
use roost_domain::sandbox::Phase;
use roost_schemas::subject::AggregateId;
use roost_schemas::{Owner, SandboxId, TenantId};

use super::{Context, HostMessage};
use crate::port::Fault;

/// Leftovers that are destroyed at a time: those whose VMs run on wait for it.
const AT_ONCE: usize = 8;
/// The pause before what could not be destroyed is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_mins(1);

/// What an earlier life of this host may have left here.
#[derive(Debug, Clone, Default)]
pub struct Mine {
    /// The sandboxes of this host that have not ended, with their tenants.
    live: Vec<(TenantId, Owner)>,
    /// Those of them that may hold something. Who is paused has nothing but its snapshot: a VM that stands here still was
    /// freed too late, or given up while this host was down, and is not to run when the fence opens.
    holding: BTreeSet<Owner>,
    /// Those, of any host, of which it is not known what they hold: a commit of theirs cannot be read.
    unknown: BTreeSet<SandboxId>,
}

impl Mine {
    /// How many sandboxes of this host there are.
    pub fn count(&self) -> usize {
        self.live.len()
    }
}

/// What the log says is here.
pub fn mine(context: &Context, fleet: &Fleet) -> Mine {
    let (mut live, mut holding) = (Vec::new(), BTreeSet::new());
    for (tenant, id, view) in fleet.live() {
        let placed = view.state.placed.as_ref();
        let Some(placed) = placed.filter(|placed| placed.host == context.host) else {
            continue;
        };
        let owner = Owner {
            sandbox: id.clone(),
            generation: placed.generation,
        };
        if view.state.phase != Phase::Paused {
            holding.insert(owner.clone());
        }
        live.push((tenant.clone(), owner));
    }
    let unknown = fleet
        .all_unreadable()
        .filter_map(|(subject, _)| match &subject.aggregate {
            AggregateId::Sandbox(id) => Some(id.clone()),
            _ => None,
        });
    Mine {
        live,
        holding,
        unknown: unknown.collect(),
    }
}

/// Destroys everything on this machine that is neither `mine` nor unknown.
///
/// To be called before commands are taken, with a fleet that has caught up with the log: what is not in it is not ours.
/// It ends when no engine is left, because the fence opens then, and what was given up must not move again. Whatever else
/// cannot be destroyed now is tried again for as long as this life of the host lasts; nobody waits for it.
pub async fn sweep(context: &Arc<Context>, mine: &Mine) -> Result<(), Fault> {
    let mut found = BTreeSet::new();
    found.extend(context.engines.owners().await?);
    found.extend(context.disks.owners().await?);
    found.extend(context.slots.owners().await?);
    found.retain(|owner| !mine.holding.contains(owner) && !mine.unknown.contains(&owner.sandbox));
    let sweeping = found.into_iter().map(|orphan| async {
        tracing::warn!(owner = %orphan, "destroying what no sandbox owns");
        let destroyed = destroy(context, &orphan).await;
        (!destroyed).then_some(orphan)
    });
    let sweeping = stream::iter(sweeping).buffer_unordered(AT_ONCE);
    let mut left: Vec<Owner> = sweeping.filter_map(future::ready).collect().await;
    loop {
        let engines = context.engines.owners().await?;
        if !left.iter().any(|orphan| engines.contains(orphan)) {
            break;
        }
        tokio::time::sleep(FIRST_PAUSE).await;
        let mut still = Vec::new();
        for orphan in left {
            if !destroy(context, &orphan).await {
                still.push(orphan);
            }
        }
        left = still;
    }
    for orphan in left {
        tokio::spawn(insist(Arc::clone(context), orphan));
    }
    Ok(())
}

/// Destroys what is left of `orphan`, however often that fails, for as long as this life of the host lasts.
pub(crate) async fn insist(context: Arc<Context>, orphan: Owner) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        // Boot snapshots are made under the same name in each life.
        let _turn = context.turns.take(&orphan).await;
        if destroy(&context, &orphan).await {
            return;
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Answers whether nothing is left; each part is tried whatever became of the others.
async fn destroy(context: &Context, owner: &Owner) -> bool {
    let results = [
        context.engines.destroy(owner).await,
        context.disks.remove(owner).await,
        context.slots.release(owner).await,
    ];
    for fault in results.iter().filter_map(|result| result.as_ref().err()) {
        tracing::error!(%owner, %fault, "could not destroy what no sandbox owns; it is tried again");
    }
    results.iter().all(Result::is_ok)
}

/// Starts the actors of `mine`, which look themselves what became of theirs.
pub fn wake(host: &ActorRef<HostMessage>, mine: Mine) {
    for (tenant, owner) in mine.live {
        // The host actor is gone only when the whole host is.
        let _ = host.send_message(HostMessage::Wake {
            tenant,
            sandbox: owner.sandbox,
        });
    }
}
