//! The network slots of one host: a prepared place per VM, made ahead of time.
//!
//! A slot is a network namespace, a veth pair that joins it to the host, a TAP for the engine and a packet filter. Every
//! guest sees the same addresses ([`guest`]), which is what lets a snapshot resume in any slot; the host reaches each by
//! an address of its own. What a guest may reach, and how this goes together with other firewalls, is told in `rules`.
//!
//! The pure part ([`AddressPlan`], the number allocator, the rules) knows no machine; the rest does what it says by
//! netlink, `ioctl`, `mount` and the `nft` program, on threads of its own. A host needs root; several hosts can share a
//! machine when their [`Tag`]s differ, because the kernel's link table decides who has which slot number.
//!
//! Opening a pool turns `net.ipv4.ip_forward` on and leaves it on.
//!
//! ```no_run
//! # use roost_net::*;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let resolver = resolver::of_this_machine()?;
//! let pool = SlotPool::open(Config::new("h1".parse()?, resolver)).await?;
//! let owner = roost_schemas::Owner { sandbox: "sb1".parse()?, generation: roost_schemas::Generation(1) };
//! let slot = pool.claim(owner.clone()).await?;
//! let engine = run_inside(slot.netns.clone(), || std::process::Command::new("firecracker").spawn()).await??;
//! // … the guest's agent answers on slot.host_address:49983 …
//! pool.release(owner).await?;
//! pool.close().await?;
//! # Ok(()) }
//! ```

mod addresses;
mod config;
mod egress;
mod error;
pub mod guest;
mod host;
mod look_up;
mod machine;
mod make;
mod names;
mod numbers;
mod pool;
pub mod resolver;
mod rules;
mod slot;
mod steps;
mod store;
mod tag;

use std::path::PathBuf;

pub use addresses::{AddressPlan, Addresses};
pub use config::{Config, ConfigError};
pub use error::{Error, OsError};
pub use look_up::host_address_of;
pub use machine::tap;
pub use pool::SlotPool;
pub use slot::Slot;
pub use steps::{Step, StepHook};
pub use tag::{BadTag, Tag};

/// Runs `work` in the network namespace of `netns`, on a thread of its own; a process it spawns stays there.
///
/// Whatever a kernel ties to the life of the spawning *thread* (`PR_SET_PDEATHSIG`) must not be used by such a process:
/// the thread ends with `work`.
pub async fn run_inside<T, W>(netns: PathBuf, work: W) -> Result<T, Error>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let inside = move || machine::netns::enter(&netns).map(|()| work());
    Ok(machine::thread::run("roost-inside".to_owned(), inside).await??)
}
