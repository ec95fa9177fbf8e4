//! What runs the virtual machines: Firecracker on hardware, else QEMU.

use std::path::Path;

use roost_engine::{Firecracker, Unusable, kvm_usable};
use roost_stack::process;
use tokio::process::Command;

use super::finding::Finding;
use super::versions;

const CHECK: &str = "engine";
const HARDWARE: &str = "KVM";
const QEMU: &str = "qemu-system-x86_64";
/// By which engines get sessions of their own.
const SESSION: &str = "setsid";
/// The oldest that `roost-qemu` is tested with: Debian 12's.
const OLDEST_QEMU: (u32, u32) = (7, 2);
/// What a machine without it is like.
const EMULATED: &str = "guests are emulated without it, and ten times slower or more";

/// Whether this machine runs guests on its processor itself.
pub(super) fn virtualization() -> Finding {
    match kvm_usable() {
        Ok(()) => Finding::ok(HARDWARE, "the processor's virtualization, and /dev/kvm"),
        Err(Unusable::NoVirtualization) => Finding::warn(
            HARDWARE,
            "the processor says neither vmx nor svm",
            format!(
                "turn virtualization on in the firmware, or nesting in the machine around this one; {EMULATED}"
            ),
        ),
        Err(reason) => Finding::warn(
            HARDWARE,
            reason.to_string(),
            format!(
                "modprobe kvm_intel or kvm_amd, and run the host as root or in the group kvm; {EMULATED}"
            ),
        ),
    }
}

/// Which engine a host would take, and whether it could be started.
pub(super) async fn check() -> Finding {
    if process::find(SESSION).is_none() {
        return Finding::fail(CHECK, format!("no {SESSION}"), "apt-get install util-linux");
    }
    let reason = match Firecracker::find().await {
        Ok(found) if found.jailer.is_some() => {
            return Finding::ok(CHECK, format!("Firecracker {} and its jailer", found.version));
        }
        Ok(found) => {
            return Finding::fail(
                CHECK,
                format!("Firecracker {} without its jailer", found.version),
                format!(
                    "put the jailer of the same release beside {}",
                    found.binary.display()
                ),
            );
        }
        Err(reason) => reason,
    };
    let Some(qemu) = process::find(QEMU) else {
        return Finding::fail(
            CHECK,
            format!("{reason}; and no {QEMU}"),
            "apt-get install qemu-system-x86, or install Firecracker with its jailer",
        );
    };
    let said = ask(&qemu).await;
    match said.as_deref().and_then(version) {
        None => Finding::fail(
            CHECK,
            format!("{} does not tell its version", qemu.display()),
            "apt-get install --reinstall qemu-system-x86",
        ),
        Some(old) if old < OLDEST_QEMU => Finding::fail(
            CHECK,
            format!("QEMU {}.{}", old.0, old.1),
            format!("install QEMU {}.{} or newer", OLDEST_QEMU.0, OLDEST_QEMU.1),
        ),
        Some((major, minor)) if kvm_usable().is_ok() => Finding::warn(
            CHECK,
            format!("QEMU {major}.{minor}; {reason}"),
            "install Firecracker and its jailer: this processor can run it",
        ),
        Some((major, minor)) => Finding::ok(CHECK, format!("QEMU {major}.{minor}")),
    }
}

async fn ask(program: &Path) -> Option<String> {
    process::run(Command::new(program).arg("--version")).await.ok()
}

/// What follows "version", as in `QEMU emulator version 7.2.22 (Debian …)`.
fn version(said: &str) -> Option<(u32, u32)> {
    let (_, rest) = said.split_once("version ")?;
    versions::leading(rest)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_version_is_read_from_what_qemu_says() {
        let said = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright";
        assert_eq!(super::version(said), Some((7, 2)));
        assert_eq!(super::version("something else"), None);
    }
}
