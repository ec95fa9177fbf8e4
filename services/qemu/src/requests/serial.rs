//! `PUT /serial`

use crate::machine::{Change, Decision, Fault, Machine};
use roost_engine::api::Serial;

pub(super) fn decide(machine: &Machine, serial: Serial) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    Ok(Decision::change(Change::Serial(serial)))
}
