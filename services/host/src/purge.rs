//! Destroying all that a host agent has made on its machine, for when it is not coming back, or not soon.
//!
//! Its snapshots stay with its checkpoint in the state folder: they hold the only copy of what was paused, and an agent that
//! does come back goes on with them. Who wants them gone as well removes the folder.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use roost_engine::Cgroups;
use roost_net::{Config, SlotPool};
use roost_runtime::port::Engines;

use crate::cli::Purge;
use crate::machine::{EngineChoice, Jails, RealEngines, RealFence};
use crate::paths::{Paths, cgroup};

/// The pool wants a resolver; a pool that only takes slots apart never uses it (RFC 5737).
const NO_RESOLVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 53), 53);

/// The fence first, which would have nothing left to guard; engines, because they hold the rest; then slots, drives and folders. Does nothing where there was no agent.
pub async fn purge(purge: &Purge) -> Result<()> {
    let Some((paths, host)) = Paths::find(&purge.state)? else {
        return Ok(());
    };
    RealFence::remove(PathBuf::from("roost-fence"), &paths.run).await?;
    // Whichever engine made a folder, its record tells how to end it.
    let chroots = paths.state.join("jails");
    let cgroups = Cgroups::find(&cgroup(&host)).context("cannot tell which cgroups there are")?;
    let choice = EngineChoice::Qemu {
        binary: PathBuf::from("roost-qemu"),
        version: String::new(),
        jails: Jails {
            jailer: PathBuf::from("roost-jailer"),
            chroots: chroots.clone(),
            shown: Vec::new(),
            cgroups: cgroups.clone(),
        },
    };
    let engines = RealEngines::new(choice, PathBuf::from("roost-pager"), &paths.run);
    for owner in engines.owners().await? {
        engines.destroy(&owner).await?;
    }
    let config = Config {
        warm: 0,
        ..Config::new(host.as_str().parse()?, NO_RESOLVER)
    };
    SlotPool::open(config).await?.purge().await?;
    if let Some(cgroups) = cgroups {
        cgroups
            .remove_parent()
            .context("cannot remove the engines' cgroup")?;
    }
    remove(&chroots)?;
    remove(&paths.state.join("drives"))?;
    remove(&paths.run)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
