//! Deciding whether this machine can run Linux guests under Firecracker.

mod cpu;
mod version;

pub use version::Version;

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// Oldest Firecracker used: 1.16.0 breaks vsock after a restore.
pub const MINIMUM_VERSION: Version = Version {
    major: 1,
    minor: 16,
    patch: 1,
};

/// How long `firecracker --version` may take.
const VERSION_DEADLINE: Duration = Duration::from_secs(5);

/// A Firecracker of a usable version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firecracker {
    /// The program.
    pub binary: PathBuf,
    /// The `jailer` beside it, or on `PATH`.
    pub jailer: Option<PathBuf>,
    /// What it says it is.
    pub version: Version,
}

/// Why Firecracker is not used here.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is none.
    #[error("no firecracker on PATH; install {MINIMUM_VERSION} or newer, or name it in ROOST_FIRECRACKER")]
    NotFound,
    /// `ROOST_FIRECRACKER` or `PATH` led to something that does not say its version.
    #[error("{} does not tell its version: {reason}", .binary.display())]
    NoVersion {
        /// The program.
        binary: PathBuf,
        /// What happened instead.
        reason: String,
    },
    /// It is too old.
    #[error("{} is version {found}; {MINIMUM_VERSION} or newer is needed", .binary.display())]
    TooOld {
        /// The program.
        binary: PathBuf,
        /// Its version.
        found: Version,
    },
    /// The CPU would not run Linux at speed, whatever `/dev/kvm` answers.
    #[error(
        "the CPU offers neither vmx nor svm; enable virtualization in the firmware, or nested in the outer machine"
    )]
    NoVirtualization,
    /// The device is missing or closed to us.
    #[error("cannot open /dev/kvm: {source}; load kvm_intel or kvm_amd and grant access")]
    NoKvm {
        /// What the system said.
        source: std::io::Error,
    },
}

impl Firecracker {
    /// A Firecracker that can run Linux guests on this machine.
    pub async fn find() -> Result<Self, Unusable> {
        let found = Self::locate().await?;
        cpu::check()?;
        Ok(found)
    }

    /// A Firecracker of a usable version, whether or not this machine's CPU is fit for Linux guests.
    pub async fn locate() -> Result<Self, Unusable> {
        let binary = match env::var_os("ROOST_FIRECRACKER") {
            Some(path) => PathBuf::from(path),
            None => on_path("firecracker").ok_or(Unusable::NotFound)?,
        };
        let version = ask_version(&binary).await?;
        if version < MINIMUM_VERSION {
            return Err(Unusable::TooOld {
                binary,
                found: version,
            });
        }
        let beside = binary.with_file_name("jailer");
        let jailer = if beside.is_file() {
            Some(beside)
        } else {
            on_path("jailer")
        };
        Ok(Self {
            binary,
            jailer,
            version,
        })
    }
}

/// Whether KVM on this machine runs Linux guests: the CPU's flags and `/dev/kvm`.
pub fn kvm_usable() -> Result<(), Unusable> {
    cpu::check()
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

async fn ask_version(binary: &Path) -> Result<Version, Unusable> {
    let no_version = |reason: String| Unusable::NoVersion {
        binary: binary.to_owned(),
        reason,
    };
    let mut command = Command::new(binary);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(VERSION_DEADLINE, command.output())
        .await
        .map_err(|_| no_version(format!("no answer within {VERSION_DEADLINE:?}")))?
        .map_err(|error| no_version(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    Version::parse(first).ok_or_else(|| no_version(format!("it printed {first:?}")))
}
