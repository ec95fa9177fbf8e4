//! Our daemons, as programs.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Where our daemons are.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The host agent.
    pub host: PathBuf,
    /// The reconciler.
    pub reconciler: PathBuf,
    /// The gateway.
    pub gateway: PathBuf,
    /// What tells tenants.
    pub webhooks: PathBuf,
    /// QEMU behind Firecracker's API.
    pub qemu: PathBuf,
    /// What puts that into a jail.
    pub jailer: PathBuf,
    /// The server of page faults.
    pub pager: PathBuf,
    /// What stops VMs whose host's lease is over.
    pub fence: PathBuf,
}

impl Binaries {
    /// Those in `folder`, as Cargo lays its target folder out.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let binary = |name: &str| {
            let path = folder.join(name);
            if path.is_file() {
                return Ok(path);
            }
            bail!(
                "{} is not there: all programs of one release belong into one folder; `cargo build -p {name}` builds it",
                path.display()
            )
        };
        Ok(Self {
            host: binary("roost-host")?,
            reconciler: binary("roost-reconciler")?,
            gateway: binary("roost-gateway")?,
            webhooks: binary("roost-webhooks")?,
            qemu: binary("roost-qemu")?,
            jailer: binary("roost-jailer")?,
            pager: binary("roost-pager")?,
            fence: binary("roost-fence")?,
        })
    }
}
