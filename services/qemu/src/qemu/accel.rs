//! KVM where it runs Linux, QEMU's own translation everywhere else.

use std::fs;

/// How guest instructions are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// By the CPU.
    Kvm,
    /// By translation. The guest's time stamp counter is the host's, whose frequency it cannot measure reliably.
    Tcg {
        /// The host's time stamp counter in kHz, where it is known.
        tsc_khz: Option<u64>,
    },
}

impl Accelerator {
    /// Looks at the CPU and at `/dev/kvm`.
    pub(crate) fn detect() -> Self {
        match roost_engine::kvm_usable() {
            Ok(()) => Self::Kvm,
            Err(reason) => {
                tracing::info!(%reason, "translating guest code");
                Self::Tcg {
                    tsc_khz: fs::read_to_string("/proc/cpuinfo")
                        .ok()
                        .as_deref()
                        .and_then(tsc_khz),
                }
            }
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg { .. } => "tcg",
        }
    }

    /// QEMU's options for it. 256 MiB of translated code at most: by default it would be a gibibyte, whatever the guest has.
    pub(super) fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg { .. } => ["-accel", "tcg,tb-size=256", "-cpu", "max"],
        }
    }
}

/// `cpu MHz` of the first CPU, in kHz. In a virtual machine without nested virtualization, which is where translation
/// is needed, the kernel prints the frequency of the time stamp counter there.
fn tsc_khz(cpuinfo: &str) -> Option<u64> {
    let (_, mhz) = cpuinfo
        .lines()
        .find(|line| line.starts_with("cpu MHz"))?
        .split_once(':')?;
    let (whole, thousandths) = mhz.trim().split_once('.')?;
    let khz = whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(thousandths.get(..3)?.parse().ok()?)?;
    (khz > 0).then_some(khz)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequency_is_read_in_khz() {
        assert_eq!(
            tsc_khz("processor\t: 0\ncpu MHz\t\t: 2445.406\n"),
            Some(2_445_406)
        );
    }

    #[test]
    fn an_unknown_frequency_is_none() {
        for text in ["", "cpu MHz\t\t: unknown", "cpu MHz\t: 0.000", "cpu MHz : 2445.4"] {
            assert_eq!(tsc_khz(text), None, "{text}");
        }
    }
}
