//! Whether the programs are there, and of one release.

use std::path::Path;

use roost_stack::{nats_server, process};
use tokio::process::Command;

use super::finding::Finding;

const DAEMONS: &str = "daemons";
const NATS: &str = "nats-server";
/// What stands beside this program in a whole installation.
const PROGRAMS: [&str; 8] = [
    "roost-gateway",
    "roost-reconciler",
    "roost-webhooks",
    "roost-host",
    "roost-pager",
    "roost-fence",
    "roost-jailer",
    QEMU,
];
/// It calls itself as Firecracker's API has it, with QEMU's version: `1.16.1+roost-qemu.0.1.0.qemu.7.2.22…`.
const QEMU: &str = "roost-qemu";

/// The major and the minor number that a text begins with, as in `6.1.0-18-cloud-amd64`.
pub(super) fn leading(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The release of ours that a program says it is of.
fn release(said: &str) -> Option<&str> {
    let version = said.trim().rsplit(' ').next()?;
    match version.split_once("+roost-qemu.") {
        Some((_, ours)) => ours.split_once(".qemu.").map(|(release, _)| release),
        None => Some(version),
    }
}

/// Whether our daemons are beside this program, and of its release.
pub(super) async fn daemons() -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let Some(folder) = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned))
    else {
        return Finding::warn(
            DAEMONS,
            "this program does not know where it is",
            "run it by its whole path",
        );
    };
    let (mut missing, mut others) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        let path = folder.join(program);
        if !path.is_file() {
            missing.push(program);
            continue;
        }
        let said = process::run(Command::new(&path).arg("--version")).await;
        // It asks QEMU for its own, which a host with Firecracker need not have.
        if said.is_err() && program == QEMU {
            continue;
        }
        let said = said.unwrap_or_default();
        if release(&said) != Some(ours) {
            others.push(format!("{program} ({})", said.trim()));
        }
    }
    let at = folder.display();
    if !missing.is_empty() {
        let found = format!("not in {at}: {}", missing.join(", "));
        let remedy =
            format!("put all programs of release {ours} into one folder; `roost up` starts those beside it");
        return Finding::warn(DAEMONS, found, remedy);
    }
    if !others.is_empty() {
        let found = format!("not of release {ours}: {}", others.join(", "));
        let remedy = "install all of one release, hosts last: a daemon stops at an event that it cannot read";
        return Finding::fail(DAEMONS, found, remedy);
    }
    Finding::ok(DAEMONS, format!("all of release {ours} in {at}"))
}

/// Whether there is a nats-server that `roost up` could start.
pub(super) async fn nats_server() -> Finding {
    let (major, minor) = nats_server::OLDEST;
    let Some(found) = process::find("nats-server") else {
        let remedy = format!(
            "install {major}.{minor} or newer, or name a server that runs with --nats; `cargo xtask setup` fetches one"
        );
        return Finding::warn(NATS, "none in PATH", remedy);
    };
    match nats_server::version(&found).await {
        Ok(version) if version >= nats_server::OLDEST => Finding::ok(
            NATS,
            format!("{}.{} at {}", version.0, version.1, found.display()),
        ),
        Ok((old, part)) => Finding::fail(
            NATS,
            format!("{old}.{part} at {}", found.display()),
            format!("install {major}.{minor} or newer: older ones lose what they have acknowledged"),
        ),
        Err(error) => Finding::fail(NATS, error.to_string(), "install it anew"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_release_is_read_from_what_our_programs_say() {
        for (said, release) in [
            ("roost-host 0.1.0\n", "0.1.0"),
            (
                "roost-qemu 1.16.1+roost-qemu.0.1.0.qemu.7.2.22-Debian-1-7.2-dfsg-7",
                "0.1.0",
            ),
        ] {
            assert_eq!(super::release(said), Some(release), "{said}");
        }
        assert_eq!(super::release("roost-qemu 1.16.1+roost-qemu.odd"), None);
    }
}
