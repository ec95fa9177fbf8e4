//! Engines, `roost-qemu` or Firecracker, each in a jail and with a folder of its own per owner.
//!
//! ```text
//!   <run>/engines/<sandbox>.<generation>/   engine.json  engine.log    and for one that was restored what `pager` tells of
//!                                      └─ root ─▶ its jail: api.sock  console.log  base  data   (see `home` and `jails`)
//! ```
//!
//! The folder is on a tmpfs, like the processes it tells of: neither survives a reboot.

mod choice;
mod cmdline;
mod configure;
mod console;
mod dump;
mod faults;
mod folder;
mod held;
mod home;
mod jails;
mod metadata;
mod pager;
mod restore;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roost_engine::api::InstanceState;
use roost_engine::{Client, EngineError, EngineProcess};
use roost_runtime::port::{Draft, Dumped, Engines, Fault, Image, Vm, VmSpec};
use roost_schemas::Owner;
use roost_schemas::token::TokenKey;

pub use choice::{Candidates, EngineChoice, NoEngine, Wanted};
pub(super) use cmdline::COMMON as COMMAND_LINE;
use folder::Folder;
use held::{Held, Memory};
pub use jails::Jails;
use pager::Pager;

/// How long an engine may take from spawn to its API's first answer.
const READY: Duration = Duration::from_secs(15);
/// How long one may take to tell whether its vCPUs stand still, which it knows without asking anybody. With what a host's
/// start takes besides, it must stay below the 10 s within which a restarted host has told of every sandbox.
const DESCRIBE: Duration = Duration::from_secs(4);

/// Tells an engine that was silent from one that refused.
fn fault(step: &'static str, error: &EngineError) -> Fault {
    Fault {
        timed_out: matches!(error, EngineError::Deadline { .. }),
        ..Fault::of(step, error)
    }
}

/// The engines of this host.
pub struct RealEngines {
    choice: EngineChoice,
    pager: PathBuf,
    supply: Option<Supply>,
    folders: PathBuf,
    held: Mutex<HashMap<Owner, Held>>,
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

impl RealEngines {
    /// Starts engines as `choice` says, and `pager` beside those that are restored; keeps a folder per engine in `run`.
    pub fn new(choice: EngineChoice, pager: PathBuf, run: &Path) -> Self {
        Self {
            choice,
            pager,
            supply: None,
            folders: run.join("engines"),
            held: Mutex::default(),
        }
    }

    /// Boots and restores guests with `supply`; without one, engines can only be found and destroyed.
    #[must_use]
    pub fn supplied(mut self, supply: Supply) -> Self {
        self.supply = Some(supply);
        self
    }

    fn supply(&self, step: &'static str) -> Result<&Supply, Fault> {
        let supply = self.supply.as_ref();
        supply.ok_or_else(|| Fault::new(step, "this process was given no kernel to boot"))
    }

    fn folder(&self, owner: &Owner) -> Folder {
        Folder::of(&self.folders, owner)
    }

    fn holding(&self) -> std::sync::MutexGuard<'_, HashMap<Owner, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vm(&self, held: &Held) -> Arc<dyn Vm> {
        held.vm(self.choice.kind(), self.choice.version())
    }

    /// The VM of `owner`, held since its start or found by what is recorded of it; one is watched from here on.
    fn find(&self, owner: &Owner) -> Result<Option<Held>, Fault> {
        let mut holding = self.holding();
        if let Some(held) = holding.get(owner) {
            return Ok(Some(held.clone()));
        }
        let Some(engine) = self.find_engine(owner)? else {
            return Ok(None);
        };
        let memory = match Pager::adopt(&self.pager, self.folder(owner).path())? {
            pager::Found::None => Memory::Whole,
            pager::Found::Running(pager) => Memory::Paged(pager),
            pager::Found::Gone(words) => Memory::Orphaned(words),
        };
        let held = Held::new(engine, memory);
        holding.insert(owner.clone(), held.clone());
        Ok(Some(held))
    }

    fn find_engine(&self, owner: &Owner) -> Result<Option<EngineProcess>, Fault> {
        let folder = self.folder(owner);
        match folder.adopt()? {
            // A host that was killed between spawn and record left an engine that only its command line tells of.
            None if folder.exists() => {
                let orphan = self.choice.launch(&folder, owner, None)?.find_orphan();
                orphan.map_err(|error| Fault::of("look for the engine", &error))
            }
            found => Ok(found),
        }
    }

    /// The VM of `owner`, which must run.
    fn held(&self, step: &'static str, owner: &Owner) -> Result<Held, Fault> {
        let held = self.find(owner)?;
        held.ok_or_else(|| Fault::new(step, format!("{owner} has no engine")))
    }

    fn client(&self, step: &'static str, owner: &Owner) -> Result<Client, Fault> {
        Ok(Client::of(&self.held(step, owner)?.engine))
    }

    /// Starts an engine, which answers but runs nothing yet.
    async fn start(&self, owner: &Owner, spec: &VmSpec) -> Result<EngineProcess, Fault> {
        const STEP: &str = "start the engine";
        let launch = self.choice.launch(&self.folder(owner), owner, Some(spec))?;
        let process = launch.spawn().await.map_err(|error| Fault::of(STEP, &error))?;
        let ready = Client::of(&process).wait_ready(&process, READY).await;
        ready.map_err(|error| Fault::of(STEP, &error))?;
        Ok(process)
    }

    async fn boot_fresh(&self, owner: &Owner, spec: &VmSpec) -> Result<Held, Fault> {
        const STEP: &str = "boot the guest";
        let supply = self.supply(STEP)?;
        let folder = self.folder(owner);
        // Before the jail: by its folder a restarted host finds what it has to destroy.
        folder.make()?;
        let home = self.choice.home(&folder, owner, Some(spec))?;
        home.make()?;
        let process = self.start(owner, spec).await?;
        let client = Client::of(&process);
        configure::configure(&client, owner, spec, supply, &home).await?;
        metadata::put(&client, &owner.sandbox, &spec.template, &supply.tokens).await?;
        client.start().await.map_err(|error| Fault::of(STEP, &error))?;
        Ok(Held::new(process, Memory::Whole))
    }

    /// Takes hold of what was made for `owner`, or destroys what is there of it.
    async fn settle(&self, owner: &Owner, made: Result<Held, Fault>) -> Result<Arc<dyn Vm>, Fault> {
        match made {
            Ok(held) => {
                let vm = self.vm(&held);
                self.holding().insert(owner.clone(), held);
                Ok(vm)
            }
            Err(fault) => {
                self.destroy(owner).await?;
                Err(fault)
            }
        }
    }

    /// Ends the pager of `owner`, recorded or not.
    async fn end_pager(&self, owner: &Owner) -> Result<(), Fault> {
        let folder = self.folder(owner);
        match Pager::adopt(&self.pager, folder.path())? {
            pager::Found::Running(pager) => pager.stop().await,
            pager::Found::None if folder.exists() => match Pager::find_orphan(&self.pager, folder.path())? {
                Some(process) => pager::end(&process).await,
                None => Ok(()),
            },
            pager::Found::None | pager::Found::Gone(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Engines for RealEngines {
    async fn boot(&self, owner: &Owner, spec: &VmSpec) -> Result<Arc<dyn Vm>, Fault> {
        self.destroy(owner).await?;
        let made = self.boot_fresh(owner, spec).await;
        self.settle(owner, made).await
    }

    async fn restore(&self, owner: &Owner, spec: &VmSpec, image: &Image) -> Result<Arc<dyn Vm>, Fault> {
        self.destroy(owner).await?;
        let made = self.load(owner, spec, image).await;
        self.settle(owner, made).await
    }

    async fn pause(&self, owner: &Owner) -> Result<(), Fault> {
        const STEP: &str = "stop the vCPUs";
        self.client(STEP, owner)?
            .pause()
            .await
            .map_err(|error| fault(STEP, &error))
    }

    async fn resume(&self, owner: &Owner) -> Result<(), Fault> {
        const STEP: &str = "let the vCPUs run";
        self.client(STEP, owner)?
            .resume()
            .await
            .map_err(|error| fault(STEP, &error))
    }

    async fn is_paused(&self, owner: &Owner) -> Result<bool, Fault> {
        const STEP: &str = "look whether the vCPUs stand still";
        let client = self.client(STEP, owner)?.with_deadline(DESCRIBE);
        let info = client.describe().await.map_err(|error| fault(STEP, &error))?;
        Ok(info.state == InstanceState::Paused)
    }

    async fn dump(&self, owner: &Owner, draft: &Draft) -> Result<Dumped, Fault> {
        self.write(owner, draft).await
    }

    /// An engine whose pager is gone is killed, and answered as a VM that has ended: so what happened to it is told.
    async fn adopt(&self, owner: &Owner) -> Result<Option<Arc<dyn Vm>>, Fault> {
        let Some(held) = self.find(owner)? else {
            return Ok(None);
        };
        let vm = self.vm(&held);
        if let Memory::Orphaned(_) = held.memory {
            vm.exited().await;
        }
        Ok(Some(vm))
    }

    async fn destroy(&self, owner: &Owner) -> Result<(), Fault> {
        let held = self.holding().get(owner).map(|held| held.engine.clone());
        let engine = match held {
            Some(engine) => Some(engine),
            None => self.find_engine(owner)?,
        };
        if let Some(engine) = engine {
            let stopped = engine.stop().await;
            stopped.map_err(|error| Fault::of("kill the engine", &error))?;
        }
        self.end_pager(owner).await?;
        self.choice.clean(owner)?;
        self.folder(owner).remove()?;
        self.holding().remove(owner);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>, Fault> {
        let mut owners: BTreeSet<Owner> = folder::owners(&self.folders)?.into_iter().collect();
        owners.extend(self.choice.jailed()?);
        Ok(owners.into_iter().collect())
    }
}
