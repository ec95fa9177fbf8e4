//! Starting an engine so that it depends on nobody afterwards.

mod argv;
mod cgroups;
mod error;
mod jail;
mod kind;
mod orphan;
mod spawn;

pub use cgroups::Cgroups;
pub use error::LaunchError;
pub use jail::{Jail, JailError};
pub use kind::EngineKind;
pub use spawn::{Daemon, Spawned};

use crate::process::{EngineProcess, Record};
use jail::{SOCKET_IN_JAIL, WAY_IN};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Longest path of a Unix socket, in bytes: `sun_path` less its final zero.
const MAX_SOCKET_PATH: usize = 107;

/// Longest id both engines accept.
const MAX_ID: usize = 64;

/// An engine to be started.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use roost_engine::{Client, EngineKind, Launch, api::{BootSource, Drive, MachineConfig}};
/// use std::time::Duration;
///
/// let mut launch = Launch::new(EngineKind::Qemu, "/usr/bin/roost-qemu", "sb1", "/var/lib/roost/engines/sb1");
/// launch.netns = Some("/run/netns/roost-7".into());
/// let process = launch.spawn().await?;
///
/// let client = Client::of(&process);
/// client.wait_ready(&process, Duration::from_secs(5)).await?;
/// client.put_machine_config(&MachineConfig { mem_size_mib: 256, ..MachineConfig::default() }).await?;
/// client.put_boot_source(&BootSource { kernel_image_path: "/images/vmlinux".into(), ..BootSource::default() }).await?;
/// client.put_drive(&Drive::root_read_only("rootfs", "/images/base.ext4")).await?;
/// client.start().await?;
///
/// process.stop().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Launch {
    /// Which engine the binary is.
    pub kind: EngineKind,
    /// The engine's program.
    pub binary: PathBuf,
    /// Letters, digits and hyphens, at most 64.
    pub id: String,
    /// The engine's own directory: working directory, record, and by default socket and log. Made when missing.
    pub dir: PathBuf,
    /// Where the API socket shall be; a jailed engine has it in its jail, see [`Jail::open`].
    pub socket: PathBuf,
    /// Where the engine's output goes. The guest's console is not part of it once `PUT /serial` has sent it elsewhere.
    pub log: PathBuf,
    /// Network namespace to start in, as a path like `/run/netns/roost-7`.
    pub netns: Option<PathBuf>,
    /// The jail, where one is wanted.
    pub jail: Option<Jail>,
    /// Further arguments for the engine.
    pub args: Vec<OsString>,
}

impl Launch {
    /// An engine with socket `api.sock` and log `engine.log` in `dir`, in the caller's network namespace, not jailed.
    pub fn new(
        kind: EngineKind,
        binary: impl Into<PathBuf>,
        id: impl Into<String>,
        dir: impl Into<PathBuf>,
    ) -> Self {
        let dir = dir.into();
        Self {
            kind,
            binary: binary.into(),
            id: id.into(),
            socket: dir.join("api.sock"),
            log: dir.join("engine.log"),
            dir,
            netns: None,
            jail: None,
            args: Vec::new(),
        }
    }

    /// Where the host reaches the API.
    pub fn api_socket(&self) -> PathBuf {
        match &self.jail {
            Some(_) => self.dir.join(WAY_IN).join(SOCKET_IN_JAIL.trim_start_matches('/')),
            None => self.socket.clone(),
        }
    }

    /// Starts the process and writes its record. Ready or not is [`crate::Client::wait_ready`]'s question.
    ///
    /// When this fails, or its future is dropped, no process is left.
    pub async fn spawn(self) -> Result<EngineProcess, LaunchError> {
        self.check()?;
        let socket = self.api_socket();
        fs::create_dir_all(&self.dir).map_err(|source| LaunchError::Dir {
            path: self.dir.clone(),
            source,
        })?;
        if let Some(jail) = &self.jail {
            jail.open(&self.binary, &self.id, &self.dir)?;
        }
        remove_stale_socket(&socket)?;
        let spawned = self.daemon().spawn().await?;
        let record = Record {
            kind: self.kind,
            id: self.id,
            process: spawned.identity().clone(),
            dir: self.dir,
            socket,
            log: self.log,
        };
        record.write().map_err(|source| LaunchError::Record {
            path: record.path(),
            source,
        })?;
        match spawned.keep() {
            Ok(process) => Ok(EngineProcess::new(record, process)),
            Err(source) => Err(LaunchError::Record {
                path: record.path(),
                source,
            }),
        }
    }

    /// What is started: the jailer or the engine itself. The jailer enters the namespace by itself.
    fn daemon(&self) -> Daemon {
        let argv = self.argv();
        Daemon {
            program: argv.program,
            args: argv.args,
            dir: self.dir.clone(),
            log: self.log.clone(),
            netns: self.netns.clone().filter(|_| self.jail.is_none()),
            alone: self.jail.is_some(),
            announces: false,
        }
    }

    fn check(&self) -> Result<(), LaunchError> {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.id.is_empty() || self.id.len() > MAX_ID || !self.id.chars().all(valid) {
            return Err(LaunchError::Id { id: self.id.clone() });
        }
        let socket = self.api_socket();
        if socket.as_os_str().len() > MAX_SOCKET_PATH {
            return Err(LaunchError::SocketPath {
                length: socket.as_os_str().len(),
                socket,
            });
        }
        match fs::metadata(&self.binary) {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(LaunchError::Binary {
                path: self.binary.clone(),
                reason: "it is not a file".to_owned(),
            }),
            Err(error) => Err(LaunchError::Binary {
                path: self.binary.clone(),
                reason: error.to_string(),
            }),
        }
    }
}

/// An engine refuses a socket path that exists. The directory is the engine's own and it is not running, so what is
/// there was left by a killed one.
fn remove_stale_socket(socket: &Path) -> Result<(), LaunchError> {
    match fs::remove_file(socket) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(LaunchError::Dir {
            path: socket.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
