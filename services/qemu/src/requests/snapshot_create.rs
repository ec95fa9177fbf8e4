//! `PUT /snapshot/create`

use crate::machine::{Change, Decision, Fault, Machine, Step};
use roost_engine::api::{InstanceState, SnapshotCreate};

pub(super) fn decide(machine: &Machine, create: SnapshotCreate) -> Result<Decision, Fault> {
    machine.must_have_started()?;
    if machine.state != InstanceState::Paused {
        return Err(Fault::NotPaused);
    }
    if create.snapshot_path == create.mem_file_path {
        return Err(Fault::OneFileForBoth);
    }
    Ok(Decision::Do {
        step: Step::CreateSnapshot(create),
        change: Change::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_engine::api::SnapshotType;

    fn create() -> SnapshotCreate {
        SnapshotCreate {
            snapshot_type: SnapshotType::Diff,
            snapshot_path: "state".to_owned(),
            mem_file_path: "memory".to_owned(),
        }
    }

    #[test]
    fn only_a_paused_machine_is_written() {
        let mut machine = Machine::new("m");
        assert_eq!(decide(&machine, create()), Err(Fault::BeforeStart));
        machine.evolve(Change::State(InstanceState::Running));
        assert_eq!(decide(&machine, create()), Err(Fault::NotPaused));
        machine.evolve(Change::State(InstanceState::Paused));
        assert!(decide(&machine, create()).is_ok());
    }

    #[test]
    fn state_and_memory_need_a_file_each() {
        let mut machine = Machine::new("m");
        machine.evolve(Change::State(InstanceState::Paused));
        let same = SnapshotCreate {
            mem_file_path: "state".to_owned(),
            ..create()
        };
        assert_eq!(decide(&machine, same), Err(Fault::OneFileForBoth));
    }
}
