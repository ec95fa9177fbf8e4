//! The engines of a host, and whether they stand still.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use serde_json::Value;
use xtask::stack::StateFolder;

/// A host's run folder.
pub(crate) struct Engines(PathBuf);

impl Engines {
    pub(crate) fn of(state: &StateFolder) -> Self {
        Self(PathBuf::from("/run/roost/hosts").join(state.host_id()))
    }

    /// The fence that is written down.
    pub(crate) fn fence(&self) -> Result<Pid> {
        let pid = recorded(&self.0.join("fence.json")).context("there is no fence")?;
        Pid::from_raw(pid).context("a process's number")
    }

    pub(crate) fn count(&self) -> Result<usize> {
        Ok(self.pids()?.len())
    }

    /// Waits until all of them do.
    pub(crate) async fn stand_still(&self, patience: Duration) -> Result<()> {
        self.wait(patience, true).await
    }

    /// Waits until none of them does.
    pub(crate) async fn run(&self, patience: Duration) -> Result<()> {
        self.wait(patience, false).await
    }

    async fn wait(&self, patience: Duration, still: bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let pids = self.pids()?;
            ensure!(!pids.is_empty(), "there are no engines");
            if pids.iter().all(|pid| is_stopped(*pid) == still) {
                return Ok(());
            }
            let what = if still { "run on" } else { "stand still" };
            ensure!(Instant::now() < deadline, "engines {what} after {patience:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn pids(&self) -> Result<Vec<i32>> {
        let folders = fs::read_dir(self.0.join("engines"))?;
        let records = folders.flatten().map(|folder| folder.path().join("engine.json"));
        Ok(records.filter_map(|record| recorded(&record)).collect())
    }
}

fn recorded(record: &std::path::Path) -> Option<i32> {
    let record: Value = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    record["process"]["pid"].as_i64()?.try_into().ok()
}

/// The third field of `stat` is `T`, counted from behind the command in parentheses.
fn is_stopped(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    state == Some("T")
}
