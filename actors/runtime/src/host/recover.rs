//! Starting after an earlier life: what the log says is ours gets its actor, what nobody owns is destroyed.

use std::collections::BTreeSet;

use ractor::ActorRef;
use roost_domain::fleet::Fleet;
use roost_schemas::{Owner, TenantId};

use super::{Context, HostMessage};
use crate::port::Fault;

/// The sandboxes of this host that have not ended, with their tenants.
pub fn mine(context: &Context, fleet: &Fleet) -> Vec<(TenantId, Owner)> {
    let live = fleet.live().filter_map(|(tenant, id, view)| {
        let placed = view
            .state
            .placed
            .as_ref()
            .filter(|placed| placed.host == context.host)?;
        Some((
            tenant.clone(),
            Owner {
                sandbox: id.clone(),
                generation: placed.generation,
            },
        ))
    });
    live.collect()
}

/// Destroys everything on this machine that belongs to none of `mine`.
///
/// To be called before commands are taken, with a fleet that has caught up with the log: what is not in it is not ours.
pub async fn sweep(context: &Context, mine: &[(TenantId, Owner)]) -> Result<(), Fault> {
    let owners: BTreeSet<&Owner> = mine.iter().map(|(_, owner)| owner).collect();
    let mut found = BTreeSet::new();
    found.extend(context.engines.owners().await?);
    found.extend(context.disks.owners().await?);
    found.extend(context.slots.owners().await?);
    for orphan in found.iter().filter(|owner| !owners.contains(owner)) {
        tracing::warn!(owner = %orphan, "destroying what no sandbox owns");
        // Whatever one of them does, the others must not wait for a person to look at it.
        if let Err(fault) = destroy(context, orphan).await {
            tracing::error!(owner = %orphan, %fault, "could not destroy it; the next start tries again");
        }
    }
    Ok(())
}

async fn destroy(context: &Context, owner: &Owner) -> Result<(), Fault> {
    context.engines.destroy(owner).await?;
    context.disks.remove(owner).await?;
    context.slots.release(owner).await
}

/// Starts the actors of `mine`, which look themselves what became of theirs.
pub fn wake(host: &ActorRef<HostMessage>, mine: Vec<(TenantId, Owner)>) {
    for (tenant, owner) in mine {
        // The host actor is gone only when the whole host is.
        let _ = host.send_message(HostMessage::Wake {
            tenant,
            sandbox: owner.sandbox,
        });
    }
}
