//! A look at the machine, again and again: never do two VMs of one sandbox run, and when any runs is written down.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use roost_schemas::{SandboxId, Timestamp};

use super::notebook::{Invariant, Notebook};
use super::vms::Vms;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(300);

/// Looks until then.
pub(super) async fn one_vm_each(vms: &Vms, notebook: &Notebook, until: Instant) {
    while Instant::now() < until {
        look(vms, notebook);
        tokio::time::sleep(EVERY).await;
    }
}

fn look(vms: &Vms, notebook: &Notebook) {
    let at = Timestamp::now();
    let mut running: BTreeMap<SandboxId, Vec<String>> = BTreeMap::new();
    for vm in vms.now() {
        if !vm.stopped {
            let place = vm.owner.generation.to_string();
            running.entry(vm.owner.sandbox).or_default().push(place);
        }
    }
    if let Some((sandbox, _)) = running.first_key_value() {
        notebook.open().ran_at.push((at, sandbox.clone()));
    }
    for (sandbox, generations) in running {
        if generations.len() > 1 {
            let seen = format!(
                "of {sandbox} run the VMs of generations {}",
                generations.join(" and ")
            );
            notebook.broken(Invariant::Machine, Some(&sandbox), seen);
        }
    }
}
