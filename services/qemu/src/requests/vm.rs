//! `PATCH /vm`

use crate::machine::{Change, Decision, Fault, Machine, Step};
use roost_engine::api::{InstanceState, VmState};

pub(super) fn decide(machine: &Machine, state: VmState) -> Result<Decision, Fault> {
    machine.must_have_started()?;
    Ok(match (machine.state, state) {
        (InstanceState::Paused, VmState::Paused) | (InstanceState::Running, VmState::Resumed) => {
            Decision::change(Change::Nothing)
        }
        (_, VmState::Paused) => Decision::Do {
            step: Step::Pause,
            change: Change::State(InstanceState::Paused),
        },
        (_, VmState::Resumed) => Decision::Do {
            step: Step::Resume,
            change: Change::State(InstanceState::Running),
        },
    })
}
