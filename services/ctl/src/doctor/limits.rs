//! What a process may do here, and how much of it.

use rustix::process::{Resource, geteuid, getrlimit};

use super::finding::Finding;

const RIGHTS: &str = "rights";
const DESCRIPTORS: &str = "open files";
/// What a gateway with all its connections takes, and a host with a thousand sandboxes.
const WANTED: u64 = 65_536;

/// Whether a host started from here would have the rights it needs.
pub(super) fn rights() -> Finding {
    if geteuid().is_root() {
        return Finding::ok(RIGHTS, "root");
    }
    Finding::fail(
        RIGHTS,
        "not root",
        "run the host as root: it makes namespaces, mounts and rules, and gives up its rights for every engine",
    )
}

/// How many files a process may have open.
pub(super) fn descriptors() -> Finding {
    let limit = getrlimit(Resource::Nofile).maximum;
    let found = limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
    match limit {
        Some(limit) if limit < WANTED => Finding::warn(
            DESCRIPTORS,
            found,
            format!("raise the hard limit: `ulimit -Hn {WANTED}`, or LimitNOFILE={WANTED} in a systemd unit"),
        ),
        _ => Finding::ok(DESCRIPTORS, found),
    }
}
