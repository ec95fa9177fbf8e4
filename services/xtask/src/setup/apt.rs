//! Debian packages: installed when what they bring is missing, and only then.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::process;

/// A package, and what proves that it, or another that brings the same, is there.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Debian's name for it.
    pub name: &'static str,
    /// What it brings.
    pub brings: Brings,
}

/// What a package brings.
#[derive(Debug, Clone, Copy)]
pub enum Brings {
    /// A program in `PATH`.
    Program(&'static str),
    /// A shared library, by the beginning of its file name.
    Library(&'static str),
}

impl Brings {
    fn is_there(self) -> bool {
        match self {
            Self::Program(name) => process::find(name).is_some(),
            Self::Library(name) => LIBRARIES.iter().any(|folder| {
                let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
                entries.into_iter().any(|entry| {
                    let file = entry.file_name();
                    file.to_str()
                        .is_some_and(|file| file.starts_with(name) && file.contains(".so"))
                })
            }),
        }
    }
}

/// Where Debian's libraries are.
const LIBRARIES: [&str; 2] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib"];

/// What building Roost and its images takes, and running it.
pub const TOOLS: &[Package] = &[
    Package {
        name: "qemu-system-x86",
        brings: Brings::Program("qemu-system-x86_64"),
    },
    Package {
        name: "nftables",
        brings: Brings::Program("nft"),
    },
    Package {
        name: "e2fsprogs",
        brings: Brings::Program("mke2fs"),
    },
    Package {
        name: "mmdebstrap",
        brings: Brings::Program("mmdebstrap"),
    },
    // The pager's `userfaultfd-sys` reads the kernel's headers with it when it is built.
    Package {
        name: "libclang1",
        brings: Brings::Library("libclang-1"),
    },
    Package {
        name: "curl",
        brings: Brings::Program("curl"),
    },
];

/// Installs the packages of which nothing is there.
pub async fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|one| !one.brings.is_there())
        .map(|one| one.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing).await.with_context(|| {
        format!(
            "cannot install {}: run `apt-get install {0}` as root, then try again",
            missing.join(" ")
        )
    })
}

async fn install(names: &[&str]) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!(
            "there is no apt-get here; Roost sets up Debian 12 by itself, elsewhere install the same tools by hand"
        );
    }
    // The lists may be absent (a fresh container) or name versions that are gone from the archive.
    if lists_are_there()
        && apt(&["install", "--yes", "--no-install-recommends"], names)
            .await
            .is_ok()
    {
        return Ok(());
    }
    apt(&["update"], &[]).await?;
    apt(&["install", "--yes", "--no-install-recommends"], names).await
}

fn lists_are_there() -> bool {
    let lists = Path::new("/var/lib/apt/lists");
    std::fs::read_dir(lists).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    })
}

async fn apt(args: &[&str], names: &[&str]) -> Result<()> {
    let mut command = as_root("apt-get")?;
    // Another apt-get may hold the lock, as an unattended upgrade does after boot.
    command
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(args)
        .args(names);
    process::run(&mut command).await.map(drop)
}

/// `program` as root, without questions.
fn as_root(program: &str) -> Result<Command> {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        return Ok(command);
    }
    if process::find("sudo").is_none() {
        bail!("installing packages takes root, and there is no sudo: run this as root");
    }
    let mut command = Command::new("sudo");
    // Never a password prompt: it would wait unseen behind the progress display.
    command.args(["--non-interactive", "DEBIAN_FRONTEND=noninteractive", program]);
    Ok(command)
}
