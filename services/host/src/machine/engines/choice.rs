//! Which engine this host uses, and what is particular to each.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use roost_engine::{Cgroups, EngineKind as Kind, Firecracker, Launch, Unusable};
use roost_runtime::port::{Fault, VmSpec};
use roost_schemas::Owner;
use roost_schemas::event::EngineKind;
use tokio::process::Command;
use tokio::time::timeout;

use super::folder::Folder;
use super::home::Home;
use super::jails::{FIRST_UID, Jails};

/// How long `roost-qemu` may take to tell its version or its files, for which it asks QEMU.
const PATIENCE: Duration = Duration::from_secs(10);

/// The engine of this host, which runs in a jail.
#[derive(Debug, Clone)]
pub enum EngineChoice {
    /// Firecracker. Its jails must be on the images' file system.
    Firecracker {
        /// The program, its jailer and its version.
        found: Firecracker,
        /// Its jails.
        jails: Jails,
    },
    /// `roost-qemu`.
    Qemu {
        /// The program.
        binary: PathBuf,
        /// Its version, and QEMU's.
        version: String,
        /// Its jails.
        jails: Jails,
    },
}

/// What a choice is made from.
#[derive(Debug, Clone)]
pub struct Candidates {
    /// `roost-qemu`.
    pub qemu: PathBuf,
    /// `roost-jailer`.
    pub jailer: PathBuf,
    /// Where chroots are made.
    pub chroots: PathBuf,
    /// The folder of the images.
    pub images: PathBuf,
    /// Where engines are limited.
    pub cgroups: Option<Cgroups>,
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
    /// `roost-qemu` or its jailer is missing.
    #[error("{} is not there; build it with `cargo build -p {}` or name it with {option}", .path.display(), .name)]
    Missing {
        /// The program.
        path: PathBuf,
        /// What it is called.
        name: &'static str,
        /// The option that names it.
        option: &'static str,
    },
    /// What every engine is shown.
    #[error("cannot use {} as the folder of the images: {source}", .path.display())]
    Images {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `roost-qemu`, or the QEMU behind it, cannot be run.
    #[error("{} does not answer: {reason}", .binary.display())]
    Silent {
        /// The program.
        binary: PathBuf,
        /// What happened instead.
        reason: String,
    },
}

impl EngineChoice {
    /// Finds the engine that `wanted` asks for.
    pub async fn find(wanted: Wanted, among: Candidates) -> Result<Self, NoEngine> {
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
                let jailer = found.jailer.clone();
                let jailer = jailer.ok_or_else(|| NoEngine::NoJailer(found.binary.clone()))?;
                let mut jails = Jails {
                    jailer,
                    chroots: among.chroots,
                    shown: Vec::new(),
                    cgroups: among.cgroups,
                };
                jails.prepare();
                Ok(Self::Firecracker { found, jails })
            }
            None => Self::qemu(among).await,
        }
    }

    async fn qemu(among: Candidates) -> Result<Self, NoEngine> {
        let Candidates {
            qemu,
            jailer,
            chroots,
            images,
            cgroups,
        } = among;
        must_be_there(&qemu, "roost-qemu", "--qemu-engine")?;
        must_be_there(&jailer, "roost-jailer", "--qemu-jailer")?;
        let images = images.canonicalize().map_err(|source| NoEngine::Images {
            path: images.clone(),
            source,
        })?;
        let files = ask(&qemu, "--files").await?;
        let mut jails = Jails {
            jailer,
            chroots,
            shown: files.lines().map(PathBuf::from).chain([images]).collect(),
            cgroups,
        };
        jails.prepare();
        let version = ask(&qemu, "--version").await?;
        match version.trim().split_once(' ') {
            Some((_, version)) => Ok(Self::Qemu {
                version: version.to_owned(),
                binary: qemu,
                jails,
            }),
            None => Err(NoEngine::Silent {
                reason: format!("asked for its version it says {version:?}"),
                binary: qemu,
            }),
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

    /// The user id of the engine in slot 0; slot N's is that plus N.
    pub fn first_uid(&self) -> u32 {
        FIRST_UID
    }

    /// The program, and its jails.
    fn parts(&self) -> (Kind, &Path, &Jails) {
        match self {
            Self::Firecracker { found, jails } => (Kind::Firecracker, &found.binary, jails),
            Self::Qemu { binary, jails, .. } => (Kind::Qemu, binary, jails),
        }
    }

    /// How the engine of `owner` is started as `spec` says; to find one that was, that is of no account.
    pub(super) fn launch(
        &self,
        folder: &Folder,
        owner: &Owner,
        spec: Option<&VmSpec>,
    ) -> Result<Launch, Fault> {
        let (kind, binary, jails) = self.parts();
        let mut launch = Launch::new(kind, binary, id(owner), folder.path());
        launch.netns = spec.and_then(|spec| spec.slot.netns.clone());
        launch.jail = Some(jails.of(spec)?);
        Ok(launch)
    }

    /// Where the files of the engine of `owner` are; to find what is there already, `spec` is of no account.
    pub(super) fn home(&self, folder: &Folder, owner: &Owner, spec: Option<&VmSpec>) -> Result<Home, Fault> {
        let (_, binary, jails) = self.parts();
        Ok(Home {
            folder: folder.path().to_owned(),
            jail: jails.of(spec)?,
            binary: binary.to_owned(),
            id: id(owner),
        })
    }

    /// Removes what an engine leaves behind.
    pub(super) fn clean(&self, owner: &Owner) -> Result<(), Fault> {
        let (_, binary, jails) = self.parts();
        jails.clean(binary, &id(owner))
    }

    /// Who has a jail. It is on a disk, and so outlives a reboot, as the engines' folders do not.
    pub(super) fn jailed(&self) -> Result<Vec<Owner>, Fault> {
        let (_, binary, jails) = self.parts();
        let ids = jails.of(None)?.ids(binary);
        let ids = ids.map_err(|error| Fault::of("look for jails", &error))?;
        Ok(ids.iter().filter_map(|id| owner(id)).collect())
    }
}

fn must_be_there(path: &Path, name: &'static str, option: &'static str) -> Result<(), NoEngine> {
    if path.is_file() {
        return Ok(());
    }
    let path = path.to_owned();
    Err(NoEngine::Missing { path, name, option })
}

/// What the program says to this option.
async fn ask(binary: &Path, option: &str) -> Result<String, NoEngine> {
    let silent = |reason: String| NoEngine::Silent {
        binary: binary.to_owned(),
        reason,
    };
    let mut command = Command::new(binary);
    command.arg(option).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output())
        .await
        .map_err(|_| silent(format!("it said nothing to {option} within {PATIENCE:?}")))?
        .map_err(|error| silent(error.to_string()))?;
    if !output.status.success() {
        return Err(silent(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
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
