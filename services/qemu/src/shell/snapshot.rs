//! Creating and loading snapshots.

use super::{Engine, verify};
use crate::{
    machine::{Artifact, Change, Config, Fault, Restore},
    qemu::{Source, restore},
    qmp::Command,
    requests::metadata_address,
    snapshot::{self, Header},
};
use roost_engine::api::{InstanceState, SnapshotCreate, SnapshotType};
use std::path::Path;
use tokio::sync::oneshot;

impl Engine {
    /// Writes the paused machine to files. When this fails, it is paused as before and no new file is left.
    pub(super) async fn create(&mut self, create: SnapshotCreate) -> Result<(), Fault> {
        let (config, accelerator) = (self.machine.config().clone(), self.host.accelerator);
        let vm = self.vm()?;
        let header = Header::new(vm.engine(), accelerator, &config);
        let state = vm.state().await?;
        if create.snapshot_type == SnapshotType::Full {
            vm.fetch().await?;
        }
        let memory = vm.memory();
        snapshot::off_thread(move || {
            let state = snapshot::write(Path::new(&create.snapshot_path), &header, &state)?;
            let memory = snapshot::dump(&memory, create.snapshot_type, Path::new(&create.mem_file_path))?;
            state.keep();
            memory.keep();
            Ok(())
        })
        .await
    }

    /// Makes the machine from a snapshot, and tells what it is.
    pub(super) async fn load(&mut self, wanted: Restore) -> Result<Change, Fault> {
        let path = wanted.state.clone();
        let (header, state) = snapshot::off_thread(move || snapshot::read(&path)).await?;
        let config = wanted.apply(header.machine().clone(), &self.machine.config().serial)?;
        needs(&config).iter().try_for_each(verify::usable)?;
        if let Some(mmds) = &config.mmds_config {
            self.metadata.listen(metadata_address(mmds)).await?;
        }
        let source = Source {
            header,
            state,
            memory: wanted.memory,
        };
        let (sender, receiver) = oneshot::channel();
        let vm = restore(&config, &self.host, source, sender).await?;
        self.hold(vm, receiver);
        let mut state = InstanceState::Paused;
        if wanted.resume {
            self.command(Command::Continue).await?;
            state = InstanceState::Running;
        }
        let config = Box::new(config);
        Ok(Change::Loaded { config, state })
    }
}

/// What must be there for the machine, as it had to be when it was configured.
fn needs(config: &Config) -> Vec<Artifact> {
    let disks = config.drives.iter().filter_map(|drive| {
        Some(Artifact::Disk {
            path: drive.path_on_host.clone()?.into(),
            writable: drive.is_read_only != Some(true),
        })
    });
    let interfaces = config.network_interfaces.iter();
    let taps = interfaces.map(|interface| Artifact::Tap(interface.host_dev_name.clone()));
    disks.chain(taps).collect()
}
