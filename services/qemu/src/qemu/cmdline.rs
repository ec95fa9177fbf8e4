//! The kernel's command line, with what only QEMU needs.

use super::Accelerator;

/// Firecracker's own default, for a boot source without `boot_args`.
const DEFAULT: &str =
    "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce";

/// Timer ticks per second of the kernels Roost boots (Debian's `CONFIG_HZ`); `lpj` counts cycles per tick.
const GUEST_HZ: u64 = 250;

/// The command line for a guest under `accelerator`.
///
/// A translated guest that measures its own clock on a loaded host may get nonsense and hang for ever, so it is told:
/// the frequency, that it need not be checked, and the delay loop's calibration. What the caller set stays.
pub(super) fn complete(boot_args: Option<&str>, accelerator: Accelerator) -> String {
    let mut line = boot_args.unwrap_or(DEFAULT).trim().to_owned();
    let Accelerator::Tcg { tsc_khz: Some(khz) } = accelerator else {
        return line;
    };
    for (key, value) in [
        ("tsc", "reliable".to_owned()),
        ("tsc_early_khz", khz.to_string()),
        ("lpj", (khz * 1000 / GUEST_HZ).to_string()),
    ] {
        if !sets(&line, key) {
            line.extend([" ", key, "=", &value]);
        }
    }
    line.trim().to_owned()
}

fn sets(line: &str, key: &str) -> bool {
    line.split_ascii_whitespace()
        .any(|word| word.split_once('=').is_some_and(|(name, _)| name == key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCG: Accelerator = Accelerator::Tcg {
        tsc_khz: Some(2_000_000),
    };

    #[test]
    fn a_translated_guest_is_told_its_clock() {
        assert_eq!(
            complete(Some("console=ttyS0"), TCG),
            "console=ttyS0 tsc=reliable tsc_early_khz=2000000 lpj=8000000"
        );
    }

    #[test]
    fn what_the_caller_set_stays() {
        assert_eq!(
            complete(Some("lpj=1 tsc=unstable"), TCG),
            "lpj=1 tsc=unstable tsc_early_khz=2000000"
        );
    }

    #[test]
    fn a_guest_on_the_cpu_is_left_alone() {
        assert_eq!(complete(Some("console=ttyS0"), Accelerator::Kvm), "console=ttyS0");
        assert_eq!(complete(None, Accelerator::Kvm), DEFAULT);
    }

    #[test]
    fn an_empty_line_gets_no_leading_space() {
        assert!(complete(Some(""), TCG).starts_with("tsc="));
    }
}
