//! `PUT /entropy`

use super::unsupported;
use crate::machine::{Change, Decision, Fault, Machine};
use roost_engine::api::Entropy;

pub(super) fn decide(machine: &Machine, entropy: Entropy) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    unsupported("rate_limiter", entropy.rate_limiter.as_ref())?;
    Ok(Decision::change(Change::Entropy(entropy)))
}
