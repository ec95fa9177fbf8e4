//! The guest's name and the files that tell programs about it.

use std::io;
use std::{fs, path::Path};

use nix::unistd::sethostname;

use super::cmdline::Cmdline;
use super::{network, report};

/// Sets the host name and writes `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf`.
pub(super) fn apply(cmdline: &Cmdline) {
    let name = cmdline.hostname.as_deref().unwrap_or("sandbox");
    report("set the host name", sethostname(name));
    report("make /etc", fs::create_dir_all("/etc"));
    report(
        "write /etc/hostname",
        replace("/etc/hostname", &format!("{name}\n")),
    );
    report("write /etc/hosts", replace("/etc/hosts", &hosts(name)));
    let resolver = format!("nameserver {}\n", network::GATEWAY);
    report("write /etc/resolv.conf", replace("/etc/resolv.conf", &resolver));
}

fn hosts(name: &str) -> String {
    format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost ip6-loopback\n")
}

/// Writes a file afresh. Images often have a link to a service's own file there, which must not be followed.
fn replace(path: impl AsRef<Path>, text: &str) -> io::Result<()> {
    match fs::remove_file(path.as_ref()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, text)
}
