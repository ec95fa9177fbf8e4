//! Kernel settings under `/proc/sys/net`, which shows those of the calling thread's namespace.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::OsError;

/// What a new namespace is told before it has a link, so that its links inherit it.
const NAMESPACE: [(&str, &str); 7] = [
    ("ipv4/ip_forward", "1"),
    // An engine without privileges serves metadata on port 80, and nobody else is in here.
    ("ipv4/ip_unprivileged_port_start", "80"),
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
];

/// Sets up the calling thread's new namespace.
pub(crate) fn prepare_namespace() -> Result<(), OsError> {
    NAMESPACE.iter().try_for_each(|(name, value)| set(name, value))
}

/// Turns IPv6 off on the host's end of a slot, which the host would otherwise give a link-local address.
pub(crate) fn disable_ipv6(link: &str) -> Result<(), OsError> {
    set(&format!("ipv6/conf/{link}/disable_ipv6"), "1")
}

/// Lets the machine forward IPv4 packets. Says whether that was news.
///
/// Never turned off again: other hosts on the machine, or its owner, may have come to rely on it since.
pub(crate) fn enable_forwarding() -> Result<bool, OsError> {
    let path = Path::new(ROOT).join(FORWARDING);
    let before = fs::read_to_string(&path).map_err(OsError::file("cannot read", &path))?;
    if before.trim() == "1" {
        return Ok(false);
    }
    set(FORWARDING, "1").map(|()| true)
}

const ROOT: &str = "/proc/sys/net";
const FORWARDING: &str = "ipv4/ip_forward";

fn set(name: &str, value: &str) -> Result<(), OsError> {
    let path = Path::new(ROOT).join(name);
    match fs::write(&path, value) {
        // A kernel without IPv6 has nothing to turn off.
        Err(error) if error.kind() == io::ErrorKind::NotFound && name.starts_with("ipv6/") => Ok(()),
        other => other.map_err(OsError::file("cannot write", path)),
    }
}
