//! Which DNS resolver is asked for guests: this machine's own.

use std::fs;
use std::net::{IpAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use crate::guest::DNS_PORT;

/// Where this machine's resolvers are named (`resolv.conf(5)`).
const FILE: &str = "/etc/resolv.conf";

/// This machine has no resolver that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no resolver for guests: {} names {}; name an IPv4 resolver",
    file.display(),
    if refused.is_empty() { "none".to_owned() } else { format!("only {}", refused.join(", ")) }
)]
pub struct NoResolver {
    /// The file that was read.
    pub file: PathBuf,
    /// Resolvers it names that have no IPv4 address.
    pub refused: Vec<String>,
}

/// The first resolver with an IPv4 address that this machine is configured with.
pub fn of_this_machine() -> Result<SocketAddrV4, NoResolver> {
    first_usable(Path::new(FILE))
}

fn first_usable(file: &Path) -> Result<SocketAddrV4, NoResolver> {
    let mut refused = Vec::new();
    // A file that is missing names nobody; the error names it.
    for name in nameservers(&fs::read_to_string(file).unwrap_or_default()) {
        match name.parse() {
            Ok(IpAddr::V4(address)) if !address.is_unspecified() => {
                return Ok(SocketAddrV4::new(address, DNS_PORT));
            }
            _ => refused.push(name),
        }
    }
    Err(NoResolver {
        file: file.to_owned(),
        refused,
    })
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

    fn resolve(text: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        first_usable(file.path())
            .map(|socket| socket.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_usable_resolver_wins() {
        for (text, resolver) in [
            (
                "# x\nsearch a\nnameserver 10.255.255.53\nnameserver 1.1.1.1\n",
                "10.255.255.53:53",
            ),
            (
                "nameserver fe80::1%eth0\n nameserver\t192.0.2.1 \n",
                "192.0.2.1:53",
            ),
            ("nameserver 127.0.0.53\n", "127.0.0.53:53"),
        ] {
            assert_eq!(resolve(text).as_deref(), Ok(resolver));
        }
    }

    #[test]
    fn a_machine_without_a_usable_resolver_is_told_so() {
        let error = resolve("nameserver fe80::1\nnameserver ::1\n").unwrap_err();
        assert!(error.contains("only fe80::1, ::1"), "{error}");
        assert!(resolve("options edns0\n").unwrap_err().contains("names none"));
    }
}
