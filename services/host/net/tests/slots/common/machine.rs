//! The machine a test's pool runs on.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::Command;

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, unshare};
use roost_net::Config;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::Place;
use super::place::Net;

/// This machine's address on its uplink.
pub const PUBLIC: &str = "203.0.113.1";
/// A server on the internet.
pub const INTERNET: &str = "203.0.113.10";
/// A resolver in a private network.
pub const RESOLVER: &str = "10.99.0.53:5300";
/// Servers that a guest must not reach, all beyond the uplink, all reachable from the machine.
pub const FORBIDDEN: [&str; 6] = [
    "10.99.0.53",
    "172.16.9.9",
    "172.31.255.1",
    "192.168.9.9",
    "100.64.9.9",
    "169.254.169.254",
];

pub struct Machine {
    /// What lies beyond the uplink. It has no route to any slot: only translated packets are answered.
    pub internet: Place,
    directory: tempfile::TempDir,
}

/// Runs a test as the host of a machine of its own.
pub fn on_machine<F: Future<Output = ()>>(test: impl FnOnce(Machine) -> F + Send + 'static) {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root: it makes network namespaces"
    );
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let machine = Machine {
            internet: Place::new(),
            directory: tempfile::tempdir().expect("a folder"),
        };
        let directory = machine.config("x").directory;
        let result = catch_unwind(AssertUnwindSafe(|| {
            // Tests wait for guests, whose questions the pool answers: it needs a thread of its own.
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                machine.connect().await;
                test(machine).await;
            });
        }));
        let left = mounts(&directory);
        for mount in left.iter().rev() {
            let _ = umount2(mount.as_str(), MntFlags::MNT_DETACH);
        }
        let _ = std::fs::remove_dir_all(&directory);
        result.unwrap_or_else(|panic| resume_unwind(panic));
        assert!(left.is_empty(), "mounts left behind: {left:?}");
    });
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
}

impl Machine {
    async fn connect(&self) {
        let net = Net::open();
        net.up("lo").await;
        let internet = self.internet.namespace();
        let peer = LinkUnspec::new_with_name("wan0")
            .setns_by_fd(internet.as_raw_fd())
            .build();
        let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name("uplink")
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        net.0.link().add(pair).execute().await.expect("a veth pair");
        net.address("uplink", PUBLIC, 24).await;
        self.internet.net(|net| async move {
            net.address("wan0", INTERNET, 24).await;
            net.up("wan0").await;
            for address in FORBIDDEN {
                net.address("lo", address, 32).await;
            }
        });
        net.up("uplink").await;
        net.route("0.0.0.0", 0, INTERNET).await;
    }

    /// A configuration for a host on this machine.
    pub fn config(&self, tag: &str) -> Config {
        let resolver: SocketAddrV4 = RESOLVER.parse().expect("an address");
        let mut config = Config::new(tag.parse().expect("a tag"), resolver);
        config.directory = self.directory.path().join("net");
        config.warm = 0;
        config
    }

    /// Makes a slot one that an earlier version made: its rules are loaded anew by who finds it.
    pub fn age(&self, tag: &str, number: u32) {
        let record = self.config(tag).directory.join(format!("{tag}/{number}.json"));
        let text = std::fs::read_to_string(&record).expect("a slot's record");
        let aged = text.replacen(r#""fingerprint":""#, r#""fingerprint":"0 "#, 1);
        assert_ne!(aged, text);
        std::fs::write(&record, aged).expect("a slot's record");
    }

    /// Everything a pool could leave behind: links, packet filter, mounts, files.
    pub async fn inventory(&self) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = Net::open()
            .names()
            .await
            .into_iter()
            .map(|name| format!("link {name}"))
            .collect();
        let nft = Command::new("nft")
            .args(["list", "tables"])
            .output()
            .expect("nft is installed");
        assert!(nft.status.success());
        found.extend(String::from_utf8_lossy(&nft.stdout).lines().map(str::to_owned));
        let directory = self.config("x").directory;
        found.extend(
            mounts(&directory)
                .into_iter()
                .map(|mount| format!("mount {mount}")),
        );
        found.extend(files(&directory));
        found
    }
}

/// Mount points in `directory`, outermost first.
fn mounts(directory: &Path) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").expect("a mount table");
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .filter(|point| point.starts_with(directory.to_str().expect("text")))
        .map(str::to_owned)
        .collect()
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found = vec![format!("file {}", directory.display())];
    for entry in entries {
        found.extend(files_or_one(&entry.expect("an entry").path()));
    }
    found
}

fn files_or_one(path: &Path) -> Vec<String> {
    if path.is_dir() {
        files(path)
    } else {
        vec![format!("file {}", path.display())]
    }
}
