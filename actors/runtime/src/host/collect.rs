//! Garbage collection of snapshots: what the log does not refer to is removed, never by guess.
//!
//! ```text
//!   ask the store what it keeps ─▶ let the fleet catch up ─▶ references ∪ kept ─▶ sweep
//! ```
//!
//! In this order: what is sealed after the store was asked is not swept, and what was sealed before it is either pinned,
//! and so kept, or in the log that is read afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use roost_domain::fleet::Unreadable;
use roost_schemas::SnapshotId;
use roost_schemas::subject::{AggregateId, EventSubject};
use tokio::time::Instant;

use super::Context;
use crate::fleet::{FleetHandle, NotCaughtUp};
use crate::port::Fault;

/// The longest time between two sweeps.
const PERIOD: Duration = Duration::from_secs(30);
/// How often it is looked whether something became garbage: when a sandbox ended, or a template was deleted.
const LOOK: Duration = Duration::from_secs(2);
/// How long the fold may take to catch up with the log.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing could be collected.
#[derive(Debug, thiserror::Error)]
pub enum NotCollected {
    /// The store would not.
    #[error(transparent)]
    Store(#[from] Fault),
    /// It is not known what the log refers to.
    #[error("what the log refers to is not known, so nothing is removed: {0}")]
    Fleet(#[from] NotCaughtUp),
    /// Something may be referred to by what cannot be read.
    #[error("what {subject} refers to is not known, so nothing is removed: {unreadable}")]
    Unreadable {
        /// What stands still.
        subject: Box<EventSubject>,
        /// Why.
        unreadable: Unreadable,
    },
}

/// Collects what nothing refers to; answers what is gone.
pub async fn collect_once(context: &Context, fleet: &FleetHandle) -> Result<Vec<SnapshotId>, NotCollected> {
    let mut referenced = context.snapshots.kept().await?;
    fleet.catch_up(&*context.journal, PATIENCE).await?;
    check_readable(fleet)?;
    referenced.extend(references(context, fleet));
    let swept = context.snapshots.sweep(&referenced).await?;
    for id in &swept {
        tracing::info!(snapshot = %id, "nothing refers to it; it is removed");
    }
    Ok(swept)
}

/// Collects now and then, and soon after something became garbage, until it is dropped.
pub async fn collect(context: &Context, fleet: &FleetHandle) {
    loop {
        let mut referenced = references(context, fleet);
        if let Err(error) = collect_once(context, fleet).await {
            tracing::warn!(%error, "cannot collect snapshots; it is tried again");
        }
        let next = Instant::now() + PERIOD;
        while Instant::now() < next {
            tokio::time::sleep(LOOK).await;
            let before = std::mem::replace(&mut referenced, references(context, fleet));
            if !before.is_subset(&referenced) {
                break;
            }
        }
    }
}

/// Hosts refer to nothing; of everything else it has to be known.
fn check_readable(fleet: &FleetHandle) -> Result<(), NotCollected> {
    let found = fleet.read(|fleet| {
        let mut unreadable = fleet.all_unreadable();
        let (subject, why) =
            unreadable.find(|(subject, _)| !matches!(subject.aggregate, AggregateId::Host(_)))?;
        Some((Box::new(subject.clone()), why.clone()))
    });
    match found {
        None => Ok(()),
        Some((subject, unreadable)) => Err(NotCollected::Unreadable { subject, unreadable }),
    }
}

fn references(context: &Context, fleet: &FleetHandle) -> BTreeSet<SnapshotId> {
    fleet.read(|fleet| fleet.references(&context.host))
}
