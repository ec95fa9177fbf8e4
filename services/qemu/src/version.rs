//! Who this engine is: our version, and QEMU's, which runs the guests.

use anyhow::{Context, Result, bail};
use std::{path::Path, process::Command};

/// The Firecracker release whose API this is, with ours as build metadata.
pub const VERSION: &str = concat!("1.16.1+roost-qemu.", env!("CARGO_PKG_VERSION"));

/// The version of the whole engine: a snapshot fits only the one that wrote it. `qemu` is what QEMU says of itself, like
/// `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)`; what build metadata may not have in it becomes a hyphen.
pub(crate) fn with_qemu(qemu: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    let qemu: String = qemu.chars().filter(|c| !"()".contains(*c)).map(allowed).collect();
    format!("{VERSION}.qemu.{qemu}")
}

/// Asks the program `qemu` and tells the version of the whole engine.
pub fn ask(qemu: &Path) -> Result<String> {
    let output = Command::new(qemu)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot run {}; install it or name it with --qemu", qemu.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let first = said.lines().next().unwrap_or_default();
    match first.strip_prefix("QEMU emulator version ") {
        Some(version) => Ok(with_qemu(version)),
        None => bail!("{} does not tell its version; it says {first:?}", qemu.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_version_with_build_metadata() {
        let version = with_qemu("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)");
        let (release, build) = version.split_once('+').unwrap();
        assert_eq!(release, "1.16.1");
        assert!(
            build.ends_with("qemu.7.2.22-Debian-1-7.2-dfsg-7-deb12u18-b3"),
            "{build}"
        );
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        assert!(build.chars().all(allowed), "{build}");
    }
}
