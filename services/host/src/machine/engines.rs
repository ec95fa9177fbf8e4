//! Engines: `roost-qemu`, or Firecracker in its jail, in a folder of their own per owner.
//!
//! ```text
//!   <run>/engines/<sandbox>.<generation>/   engine.json  api.sock  engine.log  console.log
//! ```
//!
//! The folder is on a tmpfs, like the processes it tells of: neither survives a reboot.

mod choice;
mod cmdline;
mod configure;
mod folder;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roost_engine::{Client, EngineProcess};
use roost_runtime::port::{Engines, Fault, Vm, VmSpec};
use roost_schemas::Owner;
use roost_schemas::event::EngineKind;

pub use choice::{EngineChoice, NoEngine, Wanted};
use folder::Folder;

/// How long an engine may take from spawn to its API's first answer.
const READY: Duration = Duration::from_secs(15);

/// The engines of this host.
pub struct RealEngines {
    choice: EngineChoice,
    kernel: PathBuf,
    initramfs: PathBuf,
    folders: PathBuf,
    held: Mutex<HashMap<Owner, EngineProcess>>,
}

/// A VM in its engine.
struct RealVm {
    kind: EngineKind,
    version: String,
    process: EngineProcess,
}

impl RealEngines {
    /// Starts engines as `choice` says, boots `kernel` with `initramfs`, and keeps a folder per engine in `run`.
    pub fn new(choice: EngineChoice, kernel: PathBuf, initramfs: PathBuf, run: &std::path::Path) -> Self {
        Self {
            choice,
            kernel,
            initramfs,
            folders: run.join("engines"),
            held: Mutex::default(),
        }
    }

    fn folder(&self, owner: &Owner) -> Folder {
        Folder::of(&self.folders, owner)
    }

    fn hold(&self, owner: &Owner, process: EngineProcess) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(owner.clone(), process);
    }

    fn vm(&self, process: EngineProcess) -> Arc<dyn Vm> {
        Arc::new(RealVm {
            kind: self.choice.kind(),
            version: self.choice.version(),
            process,
        })
    }

    /// The engine of `owner`, held since its start or found by its record.
    fn find(&self, owner: &Owner) -> Result<Option<EngineProcess>, Fault> {
        if let Some(process) = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(owner)
        {
            return Ok(Some(process.clone()));
        }
        let folder = self.folder(owner);
        match folder.adopt()? {
            // A host that was killed between spawn and record left an engine that only its command line tells of.
            None if folder.exists() => {
                let orphan = self.choice.launch(&folder, owner, None).find_orphan();
                orphan.map_err(|error| Fault::of("look for the engine", &error))
            }
            found => Ok(found),
        }
    }

    async fn start(&self, owner: &Owner, spec: &VmSpec) -> Result<EngineProcess, Fault> {
        const STEP: &str = "start the engine";
        let folder = self.folder(owner);
        let launch = self.choice.launch(&folder, owner, Some(&spec.slot));
        let process = launch.spawn().await.map_err(|error| Fault::of(STEP, &error))?;
        self.hold(owner, process.clone());
        let client = Client::new(process.socket());
        client
            .wait_ready(&process, READY)
            .await
            .map_err(|error| Fault::of(STEP, &error))?;
        let files = self
            .choice
            .files(owner, &self.kernel, &self.initramfs, spec, &folder)?;
        configure::configure(&client, owner, spec, &files).await?;
        client
            .start()
            .await
            .map_err(|error| Fault::of("boot the guest", &error))?;
        Ok(process)
    }
}

#[async_trait]
impl Engines for RealEngines {
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        self.destroy(owner).await?;
        match self.start(owner, spec).await {
            Ok(process) => Ok(self.vm(process)),
            Err(fault) => {
                self.destroy(owner).await?;
                Err(fault)
            }
        }
    }

    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        let Some(process) = self.find(owner)? else {
            return Ok(None);
        };
        self.hold(owner, process.clone());
        Ok(Some(self.vm(process)))
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        if let Some(process) = self.find(owner)? {
            process
                .stop()
                .await
                .map_err(|error| Fault::of("kill the engine", &error))?;
        }
        self.choice.clean(owner)?;
        self.folder(owner).remove()?;
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        folder::owners(&self.folders)
    }
}

#[async_trait]
impl Vm for RealVm {
    fn engine(&self) -> EngineKind {
        self.kind
    }

    fn engine_version(&self) -> String {
        self.version.clone()
    }

    async fn exited(&self) -> String {
        let exit = self.process.wait().await;
        let tail = self.process.log_tail();
        let words = tail.trim();
        if words.is_empty() {
            format!("{exit}")
        } else {
            format!("{exit}; its last words: {words}")
        }
    }
}
