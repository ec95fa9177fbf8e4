//! What slots are made of: network namespaces, taps and nftables.

use std::fs::OpenOptions;

use roost_stack::process;
use tokio::process::Command;

use super::finding::Finding;
use super::machine::Machine;

const RULES: &str = "nftables";
const DEVICES: &str = "tap and namespaces";
const FORWARDING: &str = "forwarding";

/// Whether rules can be read, which takes what writing them takes.
pub(super) async fn rules() -> Finding {
    let Some(nft) = process::find("nft") else {
        return Finding::fail(RULES, "no nft", "apt-get install nftables");
    };
    match process::run(Command::new(&nft).args(["--json", "list", "tables"])).await {
        Ok(_) => {
            let said = process::run(Command::new(&nft).arg("--version")).await;
            Finding::ok(RULES, said.unwrap_or_default().trim().to_owned())
        }
        Err(error) => Finding::fail(
            RULES,
            format!("nft cannot read the rules: {}", last_line(&error.to_string())),
            "run as root; in a container give it CAP_NET_ADMIN; the kernel needs nf_tables (`modprobe nf_tables`)",
        ),
    }
}

/// Whether there are taps for VMs, and namespaces to put them in.
pub(super) fn devices(machine: &Machine) -> Finding {
    if let Err(error) = OpenOptions::new()
        .read(true)
        .write(true)
        .open(machine.at("dev/net/tun"))
    {
        let remedy = "run as root, and `modprobe tun`; a container must be given the device";
        return Finding::fail(DEVICES, format!("/dev/net/tun: {error}"), remedy);
    }
    if !machine.at("proc/self/ns/net").exists() {
        let remedy = "use a kernel with CONFIG_NET_NS=y";
        return Finding::fail(DEVICES, "no network namespaces", remedy);
    }
    Finding::ok(DEVICES, "/dev/net/tun and network namespaces")
}

/// Whether guests' packets are passed on. A host sets it; in a container it may not be allowed to.
pub(super) fn forwarding(machine: &Machine) -> Finding {
    match machine.read("proc/sys/net/ipv4/ip_forward").as_deref() {
        Some("1") => Finding::ok(FORWARDING, "IPv4 packets are passed on"),
        _ => Finding::warn(
            FORWARDING,
            "IPv4 packets are not passed on",
            "a host turns it on when it starts; where it may not, sysctl net.ipv4.ip_forward=1",
        ),
    }
}

fn last_line(text: &str) -> &str {
    text.lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default()
}
