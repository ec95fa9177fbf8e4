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

/// Refuses to go on without root, which the host agent needs.
pub fn require_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!(
        "the host agent makes network namespaces, TAP devices and nftables rules, which takes root: \
         run it as `sudo env \"PATH=$PATH\" \"HOME=$HOME\" cargo xtask ...`"
    )
}
