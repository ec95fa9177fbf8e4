//! Who may run a host.

use anyhow::{Result, bail};

/// Refuses to go on without root, which the host agent needs.
pub fn require_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!(
        "the host agent makes network namespaces, TAP devices and nftables rules, which takes root: \
         run this by `sudo env \"PATH=$PATH\" \"HOME=$HOME\" ...`"
    )
}
