//! `GET`, `PUT` and `PATCH /machine-config`

use super::{answer, unsupported};
use crate::machine::{Change, Decision, Fault, Machine};
use roost_engine::api::{HugePages, MAX_VCPUS, MachineConfig, MachineConfigUpdate};

pub(super) fn get(machine: &Machine) -> Decision {
    answer(&machine.config.machine)
}

pub(super) fn put(machine: &Machine, config: MachineConfig) -> Result<Decision, Fault> {
    machine.must_not_have_started()?;
    let odd = config.smt && config.vcpu_count > 1 && config.vcpu_count % 2 == 1;
    if config.vcpu_count == 0 || config.vcpu_count > MAX_VCPUS || odd {
        return Err(Fault::VcpuCount {
            found: config.vcpu_count,
            max: MAX_VCPUS,
        });
    }
    if config.mem_size_mib == 0 {
        return Err(Fault::NoMemory);
    }
    unsupported(
        "huge_pages",
        (config.huge_pages != HugePages::None).then_some(&()),
    )?;
    unsupported(
        "cpu_template",
        config.cpu_template.as_ref().filter(|name| *name != "None"),
    )?;
    Ok(Decision::change(Change::MachineConfig(config)))
}

pub(super) fn patch(machine: &Machine, update: MachineConfigUpdate) -> Result<Decision, Fault> {
    if update == MachineConfigUpdate::default() {
        return Err(Fault::MissingBody {
            method: "PATCH".to_owned(),
        });
    }
    put(machine, update.over(&machine.config.machine))
}
