//! Writing down a VM whose vCPUs stand still.

use std::time::Instant;

use roost_engine::Client;
use roost_engine::api::{SnapshotCreate, SnapshotType};
use roost_runtime::port::{Draft, Dumped, Fault};
use roost_schemas::Owner;
use roost_schemas::event::EngineKind;

use super::RealEngines;
use super::held::Memory;

const STEP: &str = "write the memory";

impl RealEngines {
    pub(super) async fn write(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        let held = self.held(STEP, owner)?;
        let pager = match &held.memory {
            Memory::Whole => None,
            Memory::Paged(pager) => Some(pager),
            Memory::Orphaned(_) => return Err(Fault::new(STEP, "its pager is gone")),
        };
        let removed = match pager {
            Some(pager) => {
                // A hint: the next resume is slower without it.
                if let Err(error) = pager.save_working_set().await {
                    tracing::warn!(%owner, %error, "the working set is not kept");
                }
                pager.publish_working_set().await;
                let removed = pager.removed().await;
                removed.map_err(|error| Fault::of(STEP, &error))?
            }
            None => Vec::new(),
        };
        let client = Client::of(&held.engine);
        let config = client.machine_config().await;
        let memory = config.map_err(|error| Fault::of(STEP, &error))?.mem_size_mib;
        let home = self.choice.home(&self.folder(owner), owner, None)?;
        let files = home.dump_files()?;
        let whole = draft.alone || self.sees_no_swapped_pages()?;
        let create = SnapshotCreate {
            snapshot_type: if whole {
                SnapshotType::Full
            } else {
                SnapshotType::Diff
            },
            snapshot_path: files.state,
            mem_file_path: files.memory,
        };
        let began = Instant::now();
        let created = client.create_snapshot(&create, memory).await;
        created.map_err(|error| Fault::of(STEP, &error))?;
        tracing::debug!(%owner, snapshot = %draft.id, ms = began.elapsed().as_millis(), "dumped");
        home.take_dump(draft)?;
        Ok(Dumped {
            // Nothing lies beneath the memory of a VM that was booted: what it has never touched is zeros.
            complete: whole || pager.is_none(),
            removed,
        })
    }

    /// Whether pages that are swapped out would be missing from a diff: Firecracker writes those that are in memory.
    fn sees_no_swapped_pages(&self) -> Result<bool, Fault> {
        if self.choice.kind() != EngineKind::Firecracker {
            return Ok(false);
        }
        let swaps = std::fs::read_to_string("/proc/swaps");
        let swaps = swaps.map_err(|error| Fault::new(STEP, format!("cannot read /proc/swaps: {error}")))?;
        Ok(has_swap(&swaps))
    }
}

/// Whether `/proc/swaps` names anything below its heading (proc(5)).
fn has_swap(swaps: &str) -> bool {
    swaps.lines().skip(1).any(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_heading_alone_is_no_swap() {
        let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert!(!super::has_swap(heading));
        assert!(!super::has_swap(""));
        assert!(super::has_swap(&format!("{heading}/dev/sda2 partition 1 0 -2\n")));
    }
}
