//! At rest, the VMs that run are those that the log says run.

use std::collections::BTreeSet;

use roost_schemas::Owner;

use super::life::Phase;
use crate::chaos::notebook::{Invariant, Notebook};
use crate::chaos::rest::Settled;
use crate::chaos::vms::Vms;

/// Compares them.
pub(in crate::chaos) fn check(settled: &Settled, vms: &Vms, notebook: &Notebook) {
    let log: BTreeSet<Owner> = settled.running();
    let machine: BTreeSet<Owner> = vms
        .now()
        .into_iter()
        .filter(|vm| !vm.stopped)
        .map(|vm| vm.owner)
        .collect();
    for owner in log.difference(&machine) {
        let seen = format!("{owner} is {}, but has no VM that runs", Phase::Running.word());
        notebook.broken(Invariant::Machine, Some(&owner.sandbox), seen);
    }
    for owner in machine.difference(&log) {
        let seen = format!("{owner} has a VM that runs, but the log knows of none");
        notebook.broken(Invariant::Machine, Some(&owner.sandbox), seen);
    }
}
