//! A VM's state in files, from which others begin: QEMU's migration, here to a file.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::qmp::Monitor;
use super::{DRIVE, Images, Vm};

/// Memory, devices and drive of a VM.
pub(crate) struct Snapshot {
    folder: TempDir,
    memory: u32,
}

impl Snapshot {
    /// Takes it of a VM with so many megabytes of memory, which ends.
    pub(crate) async fn take(vm: Vm, memory: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = Self { folder, memory };
        let mut monitor = Monitor::connect(vm.folder.path()).await;
        monitor.order("stop", json!({})).await;
        let unlimited = json!({"max-bandwidth": 1_u64 << 40});
        monitor.order("migrate-set-parameters", unlimited).await;
        let uri = format!("exec:cat >{}", snapshot.state().display());
        monitor.order("migrate", json!({"uri": uri})).await;
        monitor.migrated().await;
        // Its processors stand still, so nobody writes to it any more.
        std::fs::rename(vm.drive(), snapshot.drive()).unwrap();
        snapshot
    }

    /// A VM that goes on from here.
    pub(crate) async fn resume(&self) -> Vm {
        let incoming = format!("exec:cat {}", self.state().display());
        let more = ["-incoming".into(), incoming];
        let vm = Vm::start(Images::find(), &self.drive(), self.memory, &more);
        let mut monitor = Monitor::connect(vm.folder.path()).await;
        monitor.arrived().await;
        monitor.order("cont", json!({})).await;
        vm.answering().await
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn drive(&self) -> PathBuf {
        self.folder.path().join(DRIVE)
    }
}
