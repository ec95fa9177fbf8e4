//! Which DNS resolver guests can be pointed at: this machine's own, unless it listens where only this machine can ask.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use crate::guest::DNS_PORT;

/// Files that name resolvers, in the order they are asked. The second is where systemd-resolved lists its upstreams while
/// the first names only its stub on 127.0.0.53, which ignores questions that come from elsewhere.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// No resolver of this machine can serve guests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no resolver for guests: {} name {}; name an IPv4 resolver that is not on a loopback address",
    display(files),
    if refused.is_empty() { "none".to_owned() } else { format!("only {}", refused.join(", ")) }
)]
pub struct NoResolver {
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Resolvers they name that guests cannot use: IPv6 or loopback.
    pub refused: Vec<String>,
}

fn display(files: &[PathBuf]) -> String {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect::<Vec<_>>()
        .join(" and ")
}

/// The first resolver this machine is configured with that guests can use.
pub fn of_this_machine() -> Result<SocketAddrV4, NoResolver> {
    first_usable(&FILES.map(Path::new))
}

fn first_usable(files: &[&Path]) -> Result<SocketAddrV4, NoResolver> {
    let mut refused = Vec::new();
    for file in files {
        // A file that is missing names nobody; the error names it.
        for name in nameservers(&fs::read_to_string(file).unwrap_or_default()) {
            match name.parse() {
                Ok(IpAddr::V4(address)) if is_usable(address) => {
                    return Ok(SocketAddrV4::new(address, DNS_PORT));
                }
                _ => refused.push(name),
            }
        }
    }
    Err(NoResolver {
        files: files.iter().map(PathBuf::from).collect(),
        refused,
    })
}

fn is_usable(address: Ipv4Addr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && !address.is_link_local()
}

/// The `nameserver` lines of a `resolv.conf(5)`.
fn nameservers(text: &str) -> Vec<String> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver"))
            .then(|| words.next().map(str::to_owned))
            .flatten()
    };
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(files: &[&str]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..files.len())
            .map(|index| folder.path().join(index.to_string()))
            .collect();
        for (path, text) in paths.iter().zip(files) {
            fs::write(path, text).unwrap();
        }
        let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        first_usable(&paths)
            .map(|socket| socket.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_usable_resolver_wins() {
        assert_eq!(
            resolve(&["# x\nsearch a\nnameserver 10.255.255.53\nnameserver 1.1.1.1\n"]),
            Ok("10.255.255.53:53".into())
        );
        assert_eq!(
            resolve(&["nameserver fe80::1%eth0\n nameserver\t192.0.2.1 \n"]),
            Ok("192.0.2.1:53".into())
        );
    }

    #[test]
    fn a_stub_on_loopback_leads_to_its_upstreams() {
        assert_eq!(
            resolve(&["nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n"]),
            Ok("192.0.2.9:53".into())
        );
    }

    #[test]
    fn a_machine_without_a_usable_resolver_is_told_so() {
        let error = resolve(&["nameserver 127.0.0.53\nnameserver ::1\n", "options edns0\n"]).unwrap_err();
        assert!(
            error.contains("only 127.0.0.53, ::1") && error.contains("not on a loopback"),
            "{error}"
        );
        assert!(resolve(&[""]).unwrap_err().contains("name none"));
    }
}
