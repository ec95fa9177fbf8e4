//! What snapshots taken here can be restored on.

use roost_schemas::Digest;
use roost_schemas::event::EngineKind;
use roost_schemas::snapshot::Machine;

use super::EngineChoice;

/// What a guest under an emulated processor sees: QEMU's own, the same on every machine.
const EMULATED: &str = "emulated max";
/// What tells one real processor from another, as `/proc/cpuinfo` calls it. Its microcode is no part of it: it may be
/// renewed under a running guest.
const MODEL: [&str; 4] = ["vendor_id", "cpu family", "model", "stepping"];

/// This machine, running guests with `choice`.
pub fn hardware(choice: &EngineChoice) -> std::io::Result<Machine> {
    let emulated = choice.kind() == EngineKind::Qemu && roost_engine::kvm_usable().is_err();
    let cpu = if emulated {
        EMULATED.to_owned()
    } else {
        cpu(&std::fs::read_to_string("/proc/cpuinfo")?)
    };
    Ok(Machine {
        engine: choice.kind(),
        engine_version: choice.version(),
        cpu,
    })
}

/// The first processor's model, and the digest of its flags in whatever order.
fn cpu(cpuinfo: &str) -> String {
    let first = cpuinfo.split("\n\n").next().unwrap_or_default();
    let value = |wanted: &str| {
        let mut pairs = first.lines().filter_map(|line| line.split_once(':'));
        let found = pairs.find(|(key, _)| key.trim() == wanted);
        found.map_or("unknown", |(_, value)| value.trim())
    };
    let mut flags: Vec<&str> = value("flags").split_ascii_whitespace().collect();
    flags.sort_unstable();
    let digest = Digest::of(flags.join(" ").as_bytes());
    format!("{} with flags {digest}", MODEL.map(value).join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpuinfo(vendor: &str, microcode: &str, flags: &str) -> String {
        format!(
            "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 6\nmodel\t\t: 106\nmodel name\t: a name\n\
             stepping\t: 6\nmicrocode\t: {microcode}\ncpu MHz\t\t: 2445.4\nflags\t\t: {flags}\nbugs\t\t:\n\n\
             processor\t: 1\nvendor_id\t: {vendor}\n"
        )
    }

    #[test]
    fn what_a_guest_sees_of_a_processor_tells_it_from_others() {
        let this = cpu(&cpuinfo("GenuineIntel", "0x1", "fpu vme avx512f"));
        assert!(
            this.starts_with("GenuineIntel 6 106 6 with flags blake3:"),
            "{this}"
        );
        assert_eq!(this, cpu(&cpuinfo("GenuineIntel", "0x2", "avx512f fpu vme")));
        assert_ne!(this, cpu(&cpuinfo("GenuineIntel", "0x1", "fpu vme")));
        assert_ne!(this, cpu(&cpuinfo("AuthenticAMD", "0x1", "fpu vme avx512f")));
        assert!(cpu("").starts_with("unknown unknown"));
    }
}
