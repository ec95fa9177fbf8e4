//! The guest fills and changes a part of its memory round after round, and says so if a page is not what it left there.

use std::fs;
use std::net::SocketAddrV4;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::FutureExt;
use roost_engine::{Cgroups, Firecracker};
use roost_host::disk::Images;
use roost_host::machine::{EngineChoice, Jails, RealEngines, RealSlots, RealSnapshots, Supply, hardware};
use roost_net::{Config, SlotPool};
use roost_runtime::port::{Drives, Engines, Portrayed, Sealed, Slots, Snapshots, Vm, VmSpec};
use roost_schemas::event::Cause;
use roost_schemas::spec::Resources;
use roost_schemas::{Generation, Owner, SandboxId, SnapshotId, TemplateName};
use roost_snapshots::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::guest::{self, Behaviour, TICK, WRONG};
use crate::parts;

/// What the guest has: its pattern and little more.
const RESOURCES: Resources = Resources {
    vcpus: 1,
    memory_mb: 32,
};
/// Bytes of its drive, which it does not look at.
const DRIVE: u64 = 1 << 20;
/// Rounds that it has to say after each wakening; several go over every page that the pager brings.
const ROUNDS: usize = 3;
/// How long they may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Below which the engines have their cgroups.
const CGROUP: &str = "roost-hmjail";
/// Nobody resolves names here (RFC 5737).
const RESOLVER: &str = "192.0.2.53:53";

/// A host's parts on folders of their own.
struct World {
    engines: RealEngines,
    slots: RealSlots,
    snapshots: RealSnapshots,
    choice: EngineChoice,
    folder: tempfile::TempDir,
}

pub(crate) async fn a_guest_goes_on_where_it_was(found: Firecracker) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let jailer = found
        .jailer
        .clone()
        .context("no jailer beside this firecracker")?;
    let mut jails = Jails {
        jailer,
        chroots: folder.path().join("jails"),
        shown: Vec::new(),
        cgroups: Cgroups::find(CGROUP)?,
    };
    jails.prepare();
    let cgroups = jails.cgroups.clone();
    let choice = EngineChoice::Firecracker { found, jails };
    let config = Config {
        warm: 0,
        tap_owners: Some(choice.first_uid()),
        ..Config::new("hmjail".parse()?, RESOLVER.parse::<SocketAddrV4>()?)
    };
    let pool = SlotPool::open(config).await?;
    let world = World::new(folder, choice, RealSlots::new(pool.clone()))?;
    let result = AssertUnwindSafe(world.cycle()).catch_unwind().await;
    for owner in world.engines.owners().await? {
        world.engines.destroy(&owner).await?;
    }
    pool.purge().await?;
    cgroups.map_or(Ok(()), |cgroups| cgroups.remove_parent())?;
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

impl World {
    fn new(folder: tempfile::TempDir, choice: EngineChoice, slots: RealSlots) -> Result<Self> {
        let images = Images::open(&parts::images())?;
        let machine = hardware(&choice)?;
        let store = Store::open(
            &folder.path().join("snapshots"),
            "testhost".parse()?,
            machine.clone(),
        )?;
        // Linked into the jail, so on its file system.
        let initramfs = folder.path().join("initramfs");
        fs::write(&initramfs, "no guest looks into it")?;
        let supply = Supply {
            kernel: guest::write(folder.path(), Behaviour::Pattern).into(),
            initramfs,
            tokens: "01".repeat(32).parse()?,
        };
        let engines = RealEngines::new(choice.clone(), parts::program("roost-pager"), folder.path());
        Ok(Self {
            engines: engines.supplied(supply),
            slots,
            snapshots: RealSnapshots::new(Arc::new(store), &images, machine),
            choice,
            folder,
        })
    }

    async fn cycle(&self) -> Result<()> {
        let first = owner(1);
        let spec = self.spec(&first).await?;
        let _vm = self.engines.boot(&first, &spec).await?;
        self.makes_rounds(&first).await?;
        self.is_filtered(&first)?;
        let whole = self.snapshot(&first, &spec, None, "snone").await?;
        // What was only looked at runs on.
        self.engines.resume(&first).await?;
        self.makes_rounds(&first).await?;
        self.free(&first).await?;

        let second = owner(2);
        let spec = self.spec(&second).await?;
        let vm = self.restore(&second, &spec, &whole).await?;
        self.makes_rounds(&second).await?;
        let diff = self.snapshot(&second, &spec, Some(&whole), "sntwo").await?;
        drop(vm);
        self.free(&second).await?;

        let third = owner(3);
        let spec = self.spec(&third).await?;
        let vm = self.restore(&third, &spec, &diff).await?;
        self.makes_rounds(&third).await?;
        self.dies_with_its_pager(&third, &*vm).await?;
        self.free(&third).await?;

        // A reboot leaves the jail alone, which is on a disk.
        let fourth = owner(4);
        fs::create_dir_all(self.jail(&fourth))?;
        ensure!(self.engines.owners().await? == std::slice::from_ref(&fourth));
        self.free(&fourth).await
    }

    async fn spec(&self, owner: &Owner) -> Result<VmSpec> {
        let drive = |name: String| -> Result<PathBuf> {
            let path = self.folder.path().join(name);
            fs::File::create(&path)?.set_len(DRIVE)?;
            Ok(path)
        };
        Ok(VmSpec {
            resources: RESOURCES,
            drives: Drives {
                base: drive("base".to_owned())?,
                data: drive(format!("data.{}", owner.generation))?,
            },
            slot: self.slots.claim(owner).await?,
            template: minimal(),
        })
    }

    async fn snapshot(
        &self,
        owner: &Owner,
        spec: &VmSpec,
        parent: Option<&Sealed>,
        id: &str,
    ) -> Result<Sealed> {
        self.engines.pause(owner).await?;
        ensure!(self.engines.is_paused(owner).await?);
        let draft = self.snapshots.draft(&SnapshotId::new(id)?).await?;
        let dumped = self.engines.dump(owner, &draft).await?;
        let of = Portrayed {
            template: minimal(),
            resources: RESOURCES,
            drives: spec.drives.clone(),
            parent: parent.map(|parent| parent.snapshot.id.clone()),
        };
        self.snapshots.collect(&draft, &of).await?;
        Ok(self.snapshots.seal(&draft, &of, dumped).await?)
    }

    async fn restore(&self, owner: &Owner, spec: &VmSpec, sealed: &Sealed) -> Result<Arc<dyn Vm>> {
        let image = self.snapshots.open(&sealed.snapshot).await?;
        let vm = self.engines.restore(owner, spec, &image).await?;
        self.engines.resume(owner).await?;
        Ok(vm)
    }

    /// Waits until the guest has said some rounds more, and nothing else.
    async fn makes_rounds(&self, owner: &Owner) -> Result<()> {
        let console = self.jail(owner).join("console.log");
        let said = || fs::read(&console).unwrap_or_default();
        let ticks = |said: &[u8]| said.split(|byte| *byte == TICK).count();
        let (before, began) = (ticks(&said()), Instant::now());
        loop {
            let said = said();
            ensure!(
                !said.contains(&WRONG),
                "the guest has found a page that it did not write"
            );
            if ticks(&said) >= before + ROUNDS {
                return Ok(());
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "it has said {:?}",
                String::from_utf8_lossy(&said)
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn dies_with_its_pager(&self, owner: &Owner, vm: &dyn Vm) -> Result<()> {
        kill_process(self.recorded(owner, "pager.json")?, Signal::KILL)?;
        let cause = tokio::time::timeout(Duration::from_millis(1500), vm.exited()).await?;
        ensure!(matches!(cause, Cause::PagerDied { .. }), "{cause:?}");
        Ok(())
    }

    /// Every thread of the engine, whatever it does, lives under a filter of system calls.
    fn is_filtered(&self, owner: &Owner) -> Result<()> {
        let pid = self.recorded(owner, "engine.json")?.as_raw_nonzero();
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?.collect::<Result<Vec<_>, _>>()?;
        // Its own, that of the API, and one for the vCPU.
        ensure!(threads.len() >= 3, "{threads:?}");
        for thread in threads {
            let status = fs::read_to_string(thread.path().join("status"))?;
            ensure!(status.contains("Seccomp:\t2"), "{status}");
        }
        Ok(())
    }

    /// The process that is written down in `file` of the engine's folder.
    fn recorded(&self, owner: &Owner, file: &str) -> Result<Pid> {
        let folder = self.folder.path().join("engines").join(owner.to_string());
        let record: serde_json::Value = serde_json::from_slice(&fs::read(folder.join(file))?)?;
        let pid = record["process"]["pid"].as_i64().context("a pid")?;
        Pid::from_raw(i32::try_from(pid)?).context("a pid")
    }

    /// Frees everything of `owner`; nothing of its jail is left.
    async fn free(&self, owner: &Owner) -> Result<()> {
        self.engines.destroy(owner).await?;
        ensure!(!self.jail(owner).exists());
        Ok(self.slots.release(owner).await?)
    }

    fn jail(&self, owner: &Owner) -> PathBuf {
        let EngineChoice::Firecracker { found, jails } = &self.choice else {
            unreachable!("it was chosen above")
        };
        let program = found.binary.file_name().unwrap_or_default();
        let id = format!("{}-{}", owner.sandbox, owner.generation);
        jails.chroots.join(program).join(id).join("root")
    }
}

fn owner(generation: u64) -> Owner {
    Owner {
        sandbox: SandboxId::new("sbjail").expect("it is a sandbox id"),
        generation: Generation(generation),
    }
}

fn minimal() -> TemplateName {
    TemplateName::new("minimal").expect("it is a template name")
}
