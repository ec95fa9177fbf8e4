//! `GET`, `PUT` and `PATCH /mmds`: what the metadata service tells.

use super::answer;
use crate::machine::{Change, Decision, Fault, Machine, mmds};
use serde_json::{Value, json};

pub(super) fn get(machine: &Machine) -> Result<Decision, Fault> {
    exists(machine)?;
    Ok(match &machine.mmds {
        None | Some(Value::Null) => Decision::Answer(json!({})),
        Some(data) => answer(data),
    })
}

pub(super) fn put(machine: &Machine, data: Value) -> Result<Decision, Fault> {
    exists(machine)?;
    Ok(Decision::change(Change::Mmds(mmds::bounded(data)?)))
}

pub(super) fn patch(machine: &Machine, patch: Value) -> Result<Decision, Fault> {
    exists(machine)?;
    let mut data = machine.mmds.clone().ok_or(Fault::MmdsNotInitialized)?;
    mmds::merge(&mut data, patch);
    put(machine, data)
}

/// Before the start there is always a store; afterwards only where an interface leads to it.
fn exists(machine: &Machine) -> Result<(), Fault> {
    if machine.must_have_started().is_ok() && machine.config.mmds_config.is_none() {
        return Err(Fault::MmdsNotInitialized);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use roost_engine::api::{InstanceState, MmdsConfig};

    fn apply(machine: &mut Machine, decision: Result<Decision, Fault>) {
        let Ok(Decision::Do { change, .. }) = decision else {
            panic!("{decision:?}")
        };
        machine.evolve(change);
    }

    #[test]
    fn data_is_put_patched_and_told() {
        let mut machine = Machine::new("m");
        assert_eq!(get(&machine), Ok(Decision::Answer(json!({}))));
        assert_eq!(patch(&machine, json!({"a": 1})), Err(Fault::MmdsNotInitialized));
        let decision = put(&machine, json!({"a": {"b": 1}, "c": 2}));
        apply(&mut machine, decision);
        let decision = patch(&machine, json!({"a": {"d": 3}, "c": null}));
        apply(&mut machine, decision);
        assert_eq!(
            get(&machine),
            Ok(Decision::Answer(json!({"a": {"b": 1, "d": 3}})))
        );
    }

    #[test]
    fn a_patch_that_would_outgrow_the_store_changes_nothing() {
        let mut machine = Machine::new("m");
        let decision = put(&machine, json!({"a": "x".repeat(40_000)}));
        apply(&mut machine, decision);
        let refused = patch(&machine, json!({"b": "x".repeat(40_000)}));
        assert!(matches!(refused, Err(Fault::MmdsTooLarge { .. })), "{refused:?}");
    }

    #[test]
    fn a_machine_that_runs_without_a_service_has_no_store() {
        let mut machine = Machine::new("m");
        machine.evolve(Change::State(InstanceState::Running));
        assert_eq!(get(&machine), Err(Fault::MmdsNotInitialized));
        assert_eq!(put(&machine, json!({})), Err(Fault::MmdsNotInitialized));
        machine.config.mmds_config = Some(MmdsConfig::v2("eth0"));
        assert!(put(&machine, json!({})).is_ok());
    }
}
