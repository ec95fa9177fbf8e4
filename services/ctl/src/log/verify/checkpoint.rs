//! What a state folder's checkpoint says.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use roost_journal::checkpoint::{Checkpoint, SledCheckpoint};
use roost_journal::projection::Projection;
use roost_runtime::fleet::FleetProjection;

use super::witness::Witness;

/// Reads the checkpoint in a state folder whose process does not run.
pub(super) async fn witness(state: &Path) -> Result<Witness> {
    let at = state.join("checkpoint");
    // Opening would make one.
    ensure!(
        at.is_dir(),
        "{} is not there: name the --state of a gateway, host, reconciler or webhooks",
        at.display()
    );
    let checkpoint = SledCheckpoint::open(&at)
        .await
        .context("stop the process that uses it, or compare with --gateway")?;
    let saved = checkpoint.load(FleetProjection::NAME).await?;
    let saved = saved.with_context(|| format!("{} holds nothing yet", at.display()))?;
    let seen = saved.mark.seen;
    let mut fold = None;
    if saved.mark.version == FleetProjection::VERSION {
        let mut projection = FleetProjection::default();
        // One that says of itself that commits could not be read is of no use to anybody.
        if projection.restore(seen.sequence, saved.entries).is_ok() {
            fold = Some(projection.digest().1);
        }
    }
    Ok(Witness {
        name: at.display().to_string(),
        sequence: seen.sequence,
        fold,
        commit: Some(seen.digest),
    })
}
