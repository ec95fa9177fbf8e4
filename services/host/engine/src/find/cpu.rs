//! What the CPU says about virtualization.
//!
//! The device's existence says little: a KVM made of software alone answers every ioctl, yet runs an unmodified Linux at
//! about a million instructions a second until it meets one it does not know. So the CPU's own flags decide.

use super::Unusable;
use std::fs::{self, OpenOptions};

pub(super) fn check() -> Result<(), Unusable> {
    if !has_virtualization(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()) {
        return Err(Unusable::NoVirtualization);
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .map_err(|source| Unusable::NoKvm { source })?;
    Ok(())
}

fn has_virtualization(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| key.trim() == "flags")
        .any(|(_, flags)| {
            flags
                .split_ascii_whitespace()
                .any(|flag| flag == "vmx" || flag == "svm")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_flag_counts() {
        assert!(has_virtualization("model name\t: x\nflags\t\t: fpu vmx sse\n"));
        assert!(has_virtualization("flags : fpu svm"));
        assert!(!has_virtualization(
            "flags : fpu svm_lock vmxnet\nvmx flags : vnmi"
        ));
        assert!(!has_virtualization(""));
    }
}
