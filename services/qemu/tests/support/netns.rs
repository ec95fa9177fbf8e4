//! A network namespace that has the metadata service's address, as a slot has. Needs root, as the host does.

use roost_engine::api::MmdsConfig;
use rtnetlink::LinkUnspec;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::File,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Command,
};

/// The loopback's index, the first of every namespace.
const LOOPBACK: u32 = 1;

/// A namespace whose loopback carries the service's address.
pub(crate) struct Netns(PathBuf);

impl Netns {
    /// Makes one, held by a file in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let path = dir.join("netns");
        File::create(&path).expect("a file to mount on");
        let made = Command::new("unshare")
            .arg(format!("--net={}", path.display()))
            .arg("true")
            .status();
        assert!(
            made.expect("util-linux's unshare").success(),
            "this test needs root"
        );
        let netns = Self(path);
        netns.inside(|| block_on(give_address()));
        netns
    }

    /// What an engine enters.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.clone()
    }

    /// Runs `work` inside, as the guest's packets arrive inside.
    pub(crate) fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(&self.0).expect("the namespace");
        let thread = std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
            work()
        });
        thread.join().expect("no panic inside")
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

async fn give_address() {
    let (connection, netlink, _) = rtnetlink::new_connection().expect("a netlink socket");
    tokio::spawn(connection);
    let loopback = LinkUnspec::new_with_index(LOOPBACK).up().build();
    netlink.link().change(loopback).execute().await.expect("up");
    let address = MmdsConfig::DEFAULT_ADDRESS.into();
    let request = netlink.address().add(LOOPBACK, address, 32);
    request.execute().await.expect("an address");
}

/// Runs `work` on a runtime of its own, in the namespace of the calling thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}
