//! What no package can provide.

use anyhow::{Result, bail};

/// Refuses anything but Linux on x86-64.
pub(super) fn require_linux() -> Result<()> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if os != "linux" {
        bail!(
            "this is {os}, but Roost's host agent needs Linux (network namespaces, TAP devices, KVM or QEMU): use a Linux machine or VM"
        );
    }
    if arch != "x86_64" {
        bail!("this is {arch}, but the images are built for x86_64 so far: use an x86_64 machine");
    }
    Ok(())
}
