//! `PUT /snapshot/load`

use super::unsupported;
use crate::machine::{Decision, Fault, Machine, Restore};
use roost_engine::api::{MemBackend, MemBackendType, SnapshotLoad};

pub(super) fn decide(machine: &Machine, load: SnapshotLoad) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    let memory = match (load.mem_backend, load.mem_file_path) {
        (Some(backend), None) => backend,
        (None, Some(backend_path)) => MemBackend {
            backend_type: MemBackendType::File,
            backend_path,
        },
        _ => return Err(Fault::OneMemoryBackend),
    };
    if machine.configured {
        return Err(Fault::LoadAfterConfiguration);
    }
    unsupported("vsock_override", load.vsock_override.as_ref())?;
    unsupported("clock_realtime", load.clock_realtime.then_some(&()))?;
    Ok(Decision::Load(Restore {
        state: load.snapshot_path.into(),
        memory,
        track_dirty_pages: load.track_dirty_pages || load.enable_diff_snapshots,
        overrides: load.network_overrides,
        resume: load.resume_vm,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Change;
    use roost_engine::api::{InstanceState, Serial};
    use serde_json::json;

    fn load() -> SnapshotLoad {
        SnapshotLoad::new("state", MemBackendType::Uffd, "uffd.sock")
    }

    #[test]
    fn console_and_metadata_may_come_before_but_nothing_that_is_booted() {
        let mut machine = Machine::new("m");
        machine.evolve(Change::Serial(Serial::default()));
        machine.evolve(Change::Mmds(json!({})));
        assert!(decide(&machine, load()).is_ok());
        machine.evolve(Change::MachineConfig(machine.config.machine.clone()));
        assert_eq!(decide(&machine, load()), Err(Fault::LoadAfterConfiguration));
        machine.evolve(Change::State(InstanceState::Running));
        assert_eq!(decide(&machine, load()), Err(Fault::AfterStart));
    }

    #[test]
    fn the_memory_comes_from_one_place() {
        let both = SnapshotLoad {
            mem_file_path: Some("memory".to_owned()),
            ..load()
        };
        let neither = SnapshotLoad {
            mem_backend: None,
            ..load()
        };
        for load in [both, neither] {
            assert_eq!(decide(&Machine::new("m"), load), Err(Fault::OneMemoryBackend));
        }
    }

    #[test]
    fn the_deprecated_fields_still_mean_what_they_did() {
        let old = SnapshotLoad {
            mem_backend: None,
            mem_file_path: Some("memory".to_owned()),
            enable_diff_snapshots: true,
            ..load()
        };
        let Ok(Decision::Load(restore)) = decide(&Machine::new("m"), old) else {
            panic!("refused")
        };
        assert_eq!(restore.memory.backend_type, MemBackendType::File);
        assert!(restore.track_dirty_pages);
    }
}
