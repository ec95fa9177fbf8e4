//! Sandboxes whose host has not set out to start them.

use roost_domain::reconcile::START_PATIENCE;
use roost_domain::sandbox::Phase;

use super::{fleet_of, only, shifted};
use crate::support::History;

#[test]
fn a_start_that_nobody_took_is_told_again() {
    let history = History::in_phase(Phase::Placed);
    let placed = history.folded.updated_at;
    let fleet = fleet_of(&[history]);
    let id = |now| only(&fleet, now).map(|correction| correction.command_id);
    let round = i64::try_from(START_PATIENCE.as_millis()).unwrap();
    assert_eq!(id(shifted(placed, round - 1)), None);
    // Each round is twice as long as the one before.
    assert_eq!(id(shifted(placed, round)), id(shifted(placed, 3 * round - 1)));
    assert_ne!(id(shifted(placed, round)), id(shifted(placed, 3 * round)));
}
