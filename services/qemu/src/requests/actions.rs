//! `PUT /actions`

use crate::machine::{Change, Decision, Fault, Machine, Step};
use roost_engine::api::{ActionType, InstanceState};

pub(super) fn decide(machine: &Machine, action: ActionType) -> Result<Decision, Fault> {
    match action {
        ActionType::InstanceStart => {
            machine.must_not_have_started()?;
            machine.config.boot_source.as_ref().ok_or(Fault::NoBootSource)?;
            Ok(Decision::Do {
                step: Step::Boot,
                change: Change::State(InstanceState::Running),
            })
        }
        ActionType::SendCtrlAltDel => {
            machine.must_have_started()?;
            Ok(Decision::Do {
                step: Step::PressCtrlAltDel,
                change: Change::Nothing,
            })
        }
        // Firecracker accepts this from a running machine whether or not metrics go anywhere; here they never do.
        ActionType::FlushMetrics => {
            machine.must_have_started()?;
            Ok(Decision::change(Change::Nothing))
        }
    }
}
