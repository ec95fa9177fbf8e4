//! The guest's name at boot, and its resolver.

use std::path::Path;

use super::cmdline::Cmdline;
use super::{network, report};
use crate::names::replace;

/// Sets the host name and writes `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf`.
pub(super) fn apply(cmdline: &Cmdline) {
    let name = cmdline.hostname.clone().unwrap_or_default();
    report("set the host name", name.set());
    report("write the host name", name.write(Path::new("/etc")));
    let resolver = format!("nameserver {}\n", network::GATEWAY);
    report(
        "write /etc/resolv.conf",
        replace(Path::new("/etc/resolv.conf"), &resolver),
    );
}
