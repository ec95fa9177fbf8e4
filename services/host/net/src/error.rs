//! Why the slots of a host could not be made, claimed or released.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use ipnet::Ipv4Net;
use roost_schemas::Owner;

use crate::config::ConfigError;
use crate::steps::Step;
use crate::tag::Tag;

/// A slot pool's failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration could not work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Namespaces, links and packet filters are the administrator's.
    #[error("network slots need root (CAP_NET_ADMIN and CAP_SYS_ADMIN), but this process runs as uid {uid}")]
    NotPermitted {
        /// The effective user id.
        uid: u32,
    },
    /// Another pool with this tag is open.
    #[error("host tag {tag} is in use on this machine (lock {path}): stop that host or choose another tag")]
    TagInUse {
        /// The tag.
        tag: Tag,
        /// The lock file the other pool holds.
        path: PathBuf,
    },
    /// An address of a slot range belongs to something else on this machine.
    #[error(
        "{address} on link {link} lies in the slot range {range}: configure a range this machine does not use"
    )]
    RangeInUse {
        /// The slot range.
        range: Ipv4Net,
        /// The link that has an address in it.
        link: String,
        /// That address.
        address: Ipv4Addr,
    },
    /// Every slot number is taken.
    #[error(
        "no slot is free: {veth} and {host} hold {capacity} slots, {used} are this host's and {foreign} belong to \
         other hosts on this machine; release sandboxes or configure larger ranges"
    )]
    Exhausted {
        /// The veth range.
        veth: Ipv4Net,
        /// The host range.
        host: Ipv4Net,
        /// How many slots they hold.
        capacity: u32,
        /// How many of them this host uses.
        used: usize,
        /// How many other hosts of the machine use.
        foreign: usize,
    },
    /// A slot could not be made; what was made of it is gone again.
    #[error("slot {number} failed while {step}")]
    Make {
        /// The slot's number.
        number: u32,
        /// The step that failed.
        step: Step,
        /// Why.
        source: OsError,
    },
    /// A slot could not be destroyed completely; releasing it again tries again.
    #[error("slot {number} could not be destroyed")]
    Destroy {
        /// The slot's number.
        number: u32,
        /// Why.
        source: OsError,
    },
    /// A sandbox without a slot was given a network policy.
    #[error("{owner} has no slot: claim one before giving it a network policy")]
    NoSlot {
        /// The sandbox.
        owner: Owner,
    },
    /// A slot does not carry the network policy it was given; giving it again tries again.
    #[error("the network policy of slot {number} could not be carried out")]
    Policy {
        /// The slot's number.
        number: u32,
        /// Why.
        source: OsError,
    },
    /// The pool's own part of the host (folder, table, settings) failed.
    #[error("preparing this machine for slots failed")]
    Host(#[from] OsError),
    /// The pool was closed.
    #[error("the slot pool of host tag {0} is closed")]
    Closed(Tag),
    /// A thread of the pool panicked; its slot is destroyed when the pool is next opened.
    #[error("a slot worker died: {0}")]
    WorkerDied(String),
}

/// A refusal of the operating system, with what was attempted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OsError {
    /// A file or namespace operation.
    #[error("{action} {path}: {source}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A route netlink request.
    #[error("{action} {link}: {source}")]
    Netlink {
        /// What was attempted.
        action: &'static str,
        /// On which link.
        link: String,
        /// The kernel's answer.
        source: rtnetlink::Error,
    },
    /// A link that should be there is not.
    #[error("link {0} does not exist")]
    NoLink(String),
    /// An address of a slot could not be served.
    #[error("cannot listen on {address} in the slot: {source}")]
    Bind {
        /// Which.
        address: SocketAddrV4,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The packet filter program could not be run.
    #[error("cannot run {program}: {source}; install the nftables package or configure its path")]
    NftMissing {
        /// The program.
        program: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The packet filter program refused what it was asked for.
    #[error("{program} refused: {stderr}")]
    NftRefused {
        /// The program.
        program: PathBuf,
        /// What it said.
        stderr: String,
    },
    /// A thread or its runtime could not be started.
    #[error("cannot start a worker thread: {0}")]
    Thread(io::Error),
    /// A failure injected by the step hook.
    #[error("step hook: {0}")]
    Hook(io::Error),
}

impl OsError {
    /// For `map_err`: wraps an I/O error with what was attempted on which file.
    pub(crate) fn file<E: Into<io::Error>>(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source: source.into(),
        }
    }
}
