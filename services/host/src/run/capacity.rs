//! What this machine can give to sandboxes.

use anyhow::{Context, Result};
use roost_schemas::spec::Resources;

use crate::cli::Run;

/// MiB left to the system and to Roost itself.
const RESERVED_MB: u32 = 1024;

/// What the operator set, else what the machine has.
pub(super) fn of_this_machine(cli: &Run) -> Result<Resources> {
    let vcpus = match cli.vcpus {
        Some(vcpus) => vcpus,
        None => u32::try_from(
            std::thread::available_parallelism()
                .context("cannot count the CPUs; set --vcpus")?
                .get(),
        )?,
    };
    let memory_mb = if let Some(memory) = cli.memory_mb {
        memory
    } else {
        let meminfo = std::fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
        total_mb(&meminfo)
            .context("/proc/meminfo names no MemTotal; set --memory-mb")?
            .saturating_sub(RESERVED_MB)
    };
    Ok(Resources { vcpus, memory_mb })
}

/// `MemTotal` of `/proc/meminfo`, in MiB (proc(5): the unit there is KiB, whatever it says).
fn total_mb(meminfo: &str) -> Option<u32> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    u32::try_from(kib / 1024).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_read_in_mebibytes() {
        let meminfo = "MemFree:  1 kB\nMemTotal:       24543412 kB\n";
        assert_eq!(super::total_mb(meminfo), Some(23968));
        assert_eq!(super::total_mb("MemFree: 1 kB"), None);
    }
}
