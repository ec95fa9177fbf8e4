//! Which engine this host uses, and what is particular to each.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use roost_engine::{EngineKind as Kind, Firecracker, Jail, Launch, Unusable};
use roost_runtime::port::{Fault, Slot};
use roost_schemas::Owner;
use roost_schemas::event::EngineKind;
use tokio::process::Command;
use tokio::time::timeout;

use super::folder::Folder;
use super::home::Home;

/// The user id of the jailed engine in slot 0; every slot has one of its own above it.
const FIRST_UID: u32 = 300_000;

/// How long `roost-qemu --version` may take, which asks QEMU.
const VERSION_PATIENCE: Duration = Duration::from_secs(10);

/// The engine of this host.
#[derive(Debug, Clone)]
pub enum EngineChoice {
    /// Firecracker in its jail, with chroots below the given folder, which must be on the images' file system.
    Firecracker {
        /// The program, its jailer and its version.
        found: Firecracker,
        /// The jailer.
        jailer: PathBuf,
        /// Where the chroots are made.
        chroots: PathBuf,
    },
    /// `roost-qemu`.
    Qemu {
        /// The program.
        binary: PathBuf,
        /// Its version, and QEMU's.
        version: String,
    },
}

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Wanted {
    /// Firecracker where it can be used, else QEMU.
    Auto,
    /// Firecracker or nothing.
    Firecracker,
    /// QEMU.
    Qemu,
}

/// Why the wanted engine cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NoEngine {
    /// Firecracker is not to be used here.
    #[error("firecracker was asked for, but {0}")]
    Firecracker(#[from] Unusable),
    /// The jailer is missing.
    #[error("{} has no jailer beside it or on PATH; install the one of the same release", .0.display())]
    NoJailer(PathBuf),
    /// `roost-qemu` is missing.
    #[error("{} is not there; build it with `cargo build -p roost-qemu` or name it with --qemu-engine", .0.display())]
    NoQemu(PathBuf),
    /// `roost-qemu`, or the QEMU behind it, cannot be run.
    #[error("{} does not tell its version: {reason}", .binary.display())]
    NoVersion {
        /// The program.
        binary: PathBuf,
        /// What happened instead.
        reason: String,
    },
}

impl EngineChoice {
    /// Finds the engine that `wanted` asks for.
    pub async fn find(wanted: Wanted, qemu: PathBuf, chroots: PathBuf) -> Result<Self, NoEngine> {
        let firecracker = match wanted {
            Wanted::Qemu => None,
            Wanted::Firecracker => Some(Firecracker::find().await?),
            Wanted::Auto => match Firecracker::find().await {
                Ok(found) => Some(found),
                Err(reason) => {
                    tracing::info!(%reason, "using QEMU");
                    None
                }
            },
        };
        match firecracker {
            Some(found) => {
                let jailer = found
                    .jailer
                    .clone()
                    .ok_or_else(|| NoEngine::NoJailer(found.binary.clone()))?;
                Ok(Self::Firecracker {
                    found,
                    jailer,
                    chroots,
                })
            }
            None if qemu.is_file() => Ok(Self::Qemu {
                version: ask_version(&qemu).await?,
                binary: qemu,
            }),
            None => Err(NoEngine::NoQemu(qemu)),
        }
    }

    /// Which it is.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Firecracker { .. } => EngineKind::Firecracker,
            Self::Qemu { .. } => EngineKind::Qemu,
        }
    }

    /// Its version: Firecracker's own, or that of `roost-qemu` and its QEMU.
    pub fn version(&self) -> String {
        match self {
            Self::Firecracker { found, .. } => found.version.to_string(),
            Self::Qemu { version, .. } => version.clone(),
        }
    }

    /// The user id of the engine in slot 0, if it does not run as root; slot N's is that plus N.
    pub fn first_uid(&self) -> Option<u32> {
        matches!(self, Self::Firecracker { .. }).then_some(FIRST_UID)
    }

    /// How the engine of `owner` is started in `slot`; to find one that was, the slot is of no account.
    pub(super) fn launch(&self, folder: &Folder, owner: &Owner, slot: Option<&Slot>) -> Launch {
        let (kind, binary) = match self {
            Self::Firecracker { found, .. } => (Kind::Firecracker, &found.binary),
            Self::Qemu { binary, .. } => (Kind::Qemu, binary),
        };
        let mut launch = Launch::new(kind, binary, id(owner), folder.path());
        launch.netns = slot.and_then(|slot| slot.netns.clone());
        launch.jail = self.jail(slot.map_or(0, |slot| slot.number));
        launch
    }

    /// Where the files of the engine of `owner` are; to find what is there already, the slot is of no account.
    pub(super) fn home(&self, folder: &Folder, owner: &Owner, slot: u32) -> Home {
        match (self, self.jail(slot)) {
            (Self::Firecracker { found, .. }, Some(jail)) => Home::Jailed {
                jail,
                binary: found.binary.clone(),
                id: id(owner),
            },
            _ => Home::Folder(folder.path().to_owned()),
        }
    }

    /// Removes what a jail leaves behind.
    pub(super) fn clean(&self, owner: &Owner) -> Result<(), Fault> {
        // The user id is of no account for a removal.
        let (Self::Firecracker { found, .. }, Some(jail)) = (self, self.jail(0)) else {
            return Ok(());
        };
        jail.remove(&found.binary, &id(owner))
            .map_err(|error| Fault::of("remove the jail", &error))
    }

    /// Who has a jail. It is on a disk, and so outlives a reboot, as the engines' folders do not.
    pub(super) fn jailed(&self) -> Result<Vec<Owner>, Fault> {
        let (Self::Firecracker { found, .. }, Some(jail)) = (self, self.jail(0)) else {
            return Ok(Vec::new());
        };
        let ids = jail.ids(&found.binary);
        let ids = ids.map_err(|error| Fault::of("look for jails", &error))?;
        Ok(ids.iter().filter_map(|id| owner(id)).collect())
    }

    /// The jail of the engine in `slot`, which has the slot's own user id.
    fn jail(&self, slot: u32) -> Option<Jail> {
        let Self::Firecracker { jailer, chroots, .. } = self else {
            return None;
        };
        let uid = FIRST_UID + slot;
        let mut jail = Jail::new(jailer, uid, uid, chroots);
        if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            jail.cgroup_version = 2;
        }
        Some(jail)
    }
}

/// What follows the name in the program's answer to `--version`.
async fn ask_version(binary: &Path) -> Result<String, NoEngine> {
    let no_version = |reason: String| NoEngine::NoVersion {
        binary: binary.to_owned(),
        reason,
    };
    let mut command = Command::new(binary);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(VERSION_PATIENCE, command.output())
        .await
        .map_err(|_| no_version(format!("no answer within {VERSION_PATIENCE:?}")))?
        .map_err(|error| no_version(error.to_string()))?;
    if !output.status.success() {
        return Err(no_version(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim().split_once(' ') {
        Some((_, version)) => Ok(version.to_owned()),
        None => Err(no_version(format!("it says {said:?}"))),
    }
}

/// The engine's own id: the owner, in the characters that engines accept.
fn id(owner: &Owner) -> String {
    format!("{}-{}", owner.sandbox, owner.generation)
}

/// The owner whose engine has the id `id`.
fn owner(id: &str) -> Option<Owner> {
    Owner::parse(id, '-')
}

#[cfg(test)]
mod tests {
    use roost_schemas::{Generation, SandboxId};

    use super::*;

    #[test]
    fn an_owner_is_read_back_from_its_engines_id() {
        let expected = Owner {
            sandbox: SandboxId::new("sb1").unwrap(),
            generation: Generation(7),
        };
        assert_eq!(owner(&id(&expected)), Some(expected));
        for id in ["sb1", "sb1-x", "-1", "lost+found", "SB-1"] {
            assert_eq!(owner(id), None, "{id}");
        }
    }
}
