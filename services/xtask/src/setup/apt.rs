//! Debian packages: installed when what they bring is missing, and only then.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::process;

/// A package, and the program in `PATH` whose presence proves it.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Debian's name for it.
    pub name: &'static str,
    /// A program that it installs.
    pub program: &'static str,
}

/// What running Roost and building its images takes.
pub const TOOLS: &[Package] = &[
    Package {
        name: "qemu-system-x86",
        program: "qemu-system-x86_64",
    },
    Package {
        name: "nftables",
        program: "nft",
    },
    Package {
        name: "e2fsprogs",
        program: "mke2fs",
    },
    Package {
        name: "mmdebstrap",
        program: "mmdebstrap",
    },
    Package {
        name: "curl",
        program: "curl",
    },
];

/// Installs the packages whose program is not there.
pub async fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|one| process::find(one.program).is_none())
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
