//! The guest kernel's command line.

use roost_schemas::SandboxId;

/// What every guest is booted with.
///
/// `reboot=k panic=1` let a guest's reboot or panic end its engine. `lpj` skips a calibration that can hang on a loaded
/// machine; the value is of no account, since the kernel's delays come from the TSC. The crypto self-tests would take a
/// tenth of an emulated boot. `roost.mmds=1` tells the agent that there is metadata, which every greeting must match.
pub(in super::super) const COMMON: &str =
    "console=ttyS0 reboot=k panic=1 quiet loglevel=3 lpj=4000000 cryptomgr.notests roost.mmds=1";

/// The command line for the guest of `sandbox`.
pub(super) fn of(sandbox: &SandboxId) -> String {
    format!("{COMMON} roost.hostname={sandbox}")
}
