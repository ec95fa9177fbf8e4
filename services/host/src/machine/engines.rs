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
mod metadata;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roost_engine::api::InstanceState;
use roost_engine::{Client, EngineProcess};
use roost_runtime::port::{Draft, Dumped, Engines, Fault, Image, Vm, VmSpec};
use roost_schemas::Owner;
use roost_schemas::event::{Cause, EngineKind};
use roost_schemas::token::TokenKey;

pub use choice::{EngineChoice, NoEngine, Wanted};
use folder::Folder;

/// How long an engine may take from spawn to its API's first answer.
const READY: Duration = Duration::from_secs(15);

/// The engines of this host.
pub struct RealEngines {
    choice: EngineChoice,
    supply: Option<Supply>,
    folders: PathBuf,
    held: Mutex<HashMap<Owner, EngineProcess>>,
}

/// What every guest is given.
#[derive(Debug, Clone)]
pub struct Supply {
    /// The kernel it boots.
    pub kernel: PathBuf,
    /// What that finds its root with.
    pub initramfs: PathBuf,
    /// The guest is told which of these tokens is its own.
    pub tokens: TokenKey,
}

/// A VM in its engine.
struct RealVm {
    kind: EngineKind,
    version: String,
    process: EngineProcess,
}

impl RealEngines {
    /// Starts engines as `choice` says, and keeps a folder per engine in `run`.
    pub fn new(choice: EngineChoice, run: &std::path::Path) -> Self {
        Self {
            choice,
            supply: None,
            folders: run.join("engines"),
            held: Mutex::default(),
        }
    }

    /// Boots guests with `supply`; without one, engines can only be found and destroyed.
    #[must_use]
    pub fn supplied(mut self, supply: Supply) -> Self {
        self.supply = Some(supply);
        self
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

    /// The API of the engine of `owner`, which must run.
    fn client(&self, step: &'static str, owner: &Owner) -> Result<Client, Fault> {
        let process = self.find(owner)?;
        let process = process.ok_or_else(|| Fault::new(step, format!("{owner} has no engine")))?;
        Ok(Client::new(process.socket()))
    }

    async fn start(&self, owner: &Owner, spec: &VmSpec) -> Result<EngineProcess, Fault> {
        const STEP: &str = "start the engine";
        let supply = self.supply.as_ref();
        let supply = supply.ok_or_else(|| Fault::new(STEP, "this process was given no kernel to boot"))?;
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
            .files(owner, &supply.kernel, &supply.initramfs, spec, &folder)?;
        configure::configure(&client, owner, spec, &files).await?;
        metadata::put(&client, &owner.sandbox, &spec.template, &supply.tokens).await?;
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

    async fn restore(&self, owner: &Owner, _spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        Err(Fault::new(
            "restore the guest",
            format!("{owner} from {}: snapshots are not kept yet", image.snapshot.id),
        ))
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        const STEP: &str = "stop the vCPUs";
        self.client(STEP, owner)?
            .pause()
            .await
            .map_err(|error| Fault::of(STEP, &error))
    }

    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        const STEP: &str = "let the vCPUs run";
        self.client(STEP, owner)?
            .resume()
            .await
            .map_err(|error| Fault::of(STEP, &error))
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        const STEP: &str = "look whether the vCPUs stand still";
        let info = self.client(STEP, owner)?.describe().await;
        Ok(info.map_err(|error| Fault::of(STEP, &error))?.state == InstanceState::Paused)
    }

    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        Err(Fault::new(
            "write the memory",
            format!("{owner} as {}: snapshots are not kept yet", draft.id),
        ))
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

    async fn exited(&self) -> Cause {
        let exit = self.process.wait().await;
        let tail = self.process.log_tail();
        let words = tail.trim();
        let detail = if words.is_empty() {
            format!("{exit}")
        } else {
            format!("{exit}; its last words: {words}")
        };
        Cause::EngineExited { detail }
    }
}
