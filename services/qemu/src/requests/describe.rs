//! `GET /`

use super::answer;
use crate::machine::{Decision, Machine};

pub(super) fn decide(machine: &Machine) -> Decision {
    answer(&machine.describe())
}
