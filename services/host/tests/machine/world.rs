//! A host's parts on folders of their own, taken apart again whatever becomes of a test.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use roost_host::disk::{DriveStore, Images};
use roost_host::machine::{
    Candidates, EngineChoice, RealDisks, RealEngines, RealGuests, RealSlots, RealSnapshots, Supply, Wanted,
    hardware,
};
use roost_net::{Config, SlotPool};
use roost_pager::control::{self, Status};
use roost_runtime::port::{
    Disks, Draft, Drives, Engines, Greeting, Guests, Image, Output, Outputs, Portrayed, Program, Sealed,
    Slot, Slots, Snapshots, Vm, VmSpec,
};
use roost_schemas::event::ExitStatus;
use roost_schemas::output::Channel;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::Resources;
use roost_schemas::{Generation, Owner, ProcessId, SandboxId, SnapshotId, TemplateName};
use roost_snapshots::Store;
use tempfile::TempDir;

/// What every sandbox here has.
pub(crate) const RESOURCES: Resources = Resources {
    vcpus: 1,
    memory_mb: 256,
};
/// Nobody resolves names here (RFC 5737).
const RESOLVER: &str = "192.0.2.53:53";
/// The user of the engine in slot 0.
const FIRST_UID: u32 = 300_000;
const TOKENS: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// See the module.
pub(crate) struct World {
    pub(crate) engines: RealEngines,
    pub(crate) guests: RealGuests,
    pub(crate) slots: RealSlots,
    pub(crate) disks: RealDisks,
    pub(crate) snapshots: RealSnapshots,
    choice: EngineChoice,
    supply: Supply,
    folder: TempDir,
}

impl World {
    /// Runs `test` in a world called `tag`, which tells its slots from those of others.
    pub(crate) async fn with(tag: &str, test: impl AsyncFnOnce(&World)) {
        let config = Config {
            warm: 0,
            tap_owners: Some(FIRST_UID),
            ..Config::new(tag.parse().unwrap(), RESOLVER.parse::<SocketAddrV4>().unwrap())
        };
        let pool = SlotPool::open(config).await.unwrap();
        let world = Self::new(RealSlots::new(pool.clone())).await;
        let result = AssertUnwindSafe(test(&world)).catch_unwind().await;
        for owner in world.engines.owners().await.unwrap() {
            world.engines.destroy(&owner).await.unwrap();
        }
        pool.purge().await.unwrap();
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    }

    async fn new(slots: RealSlots) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let images = Arc::new(Images::open(&crate::parts::images()).unwrap());
        let candidates = Candidates {
            qemu: crate::parts::program("roost-qemu"),
            jailer: crate::parts::program("roost-jailer"),
            chroots: path("jails"),
            images: crate::parts::images(),
            cgroups: None,
        };
        let choice = EngineChoice::find(Wanted::Qemu, candidates).await.unwrap();
        let machine = hardware(&choice).unwrap();
        let host = "testhost".parse().unwrap();
        let store = Arc::new(Store::open(&path("snapshots"), host, machine.clone()).unwrap());
        let tokens: roost_schemas::token::TokenKey = TOKENS.parse().unwrap();
        let supply = Supply {
            kernel: images.vmlinux().to_owned(),
            initramfs: images.initramfs().to_owned(),
            tokens: tokens.clone(),
        };
        let drives = DriveStore::new(path("drives"), images.blank_drive().to_owned());
        let engines = RealEngines::new(
            choice.clone(),
            crate::parts::program("roost-pager"),
            folder.path(),
        );
        Self {
            engines: engines.supplied(supply.clone()),
            guests: RealGuests {
                boot_patience: Duration::from_mins(2),
                tokens,
            },
            slots,
            disks: RealDisks::new(Arc::clone(&images), drives, Arc::clone(&store)),
            snapshots: RealSnapshots::new(store, &images, machine),
            choice,
            supply,
            folder,
        }
    }

    /// The engines as a host finds them that has just started.
    pub(crate) fn reborn(&self) -> RealEngines {
        let engines = RealEngines::new(
            self.choice.clone(),
            crate::parts::program("roost-pager"),
            self.folder.path(),
        );
        engines.supplied(self.supply.clone())
    }

    /// The folder of an owner's engine.
    pub(crate) fn folder(&self, owner: &Owner) -> PathBuf {
        self.folder.path().join("engines").join(owner.to_string())
    }

    /// The snapshot store's folder.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    /// How the pager of `owner` stands.
    pub(crate) async fn pager_status(&self, owner: &Owner) -> Status {
        let socket = self.folder(owner).join("pager/pager.sock");
        let asked = move || control::ask(&socket, control::Request::Status, Duration::from_secs(5));
        tokio::task::spawn_blocking(asked).await.unwrap().unwrap()
    }

    /// Boots a guest and greets it.
    pub(crate) async fn boot(&self, owner: &Owner) -> (Arc<dyn Vm>, Slot) {
        let (slot, drives) = (
            self.slots.claim(owner).await.unwrap(),
            self.disks.create(owner, &minimal()).await.unwrap(),
        );
        let vm = self.engines.boot(owner, &spec(&slot, drives)).await.unwrap();
        self.greet(owner, &slot, false).await;
        (vm, slot)
    }

    /// Lets a guest wake from `snapshot` as `owner`.
    pub(crate) async fn restore(&self, owner: &Owner, snapshot: &Snapshot) -> (Arc<dyn Vm>, Slot) {
        let image: Image = self.snapshots.open(snapshot).await.unwrap();
        let slot = self.slots.claim(owner).await.unwrap();
        let drives = self.disks.restore(owner, &image).await.unwrap();
        let vm = self
            .engines
            .restore(owner, &spec(&slot, drives), &image)
            .await
            .unwrap();
        self.engines.resume(owner).await.unwrap();
        self.greet(owner, &slot, true).await;
        (vm, slot)
    }

    async fn greet(&self, owner: &Owner, slot: &Slot, restored: bool) {
        let greeting = Greeting {
            sandbox: owner.sandbox.clone(),
            env: BTreeMap::new(),
            restored,
        };
        self.guests.greet(slot.address, &greeting).await.unwrap();
    }

    /// Takes a snapshot and leaves the guest quiet and still.
    pub(crate) async fn snapshot(
        &self,
        owner: &Owner,
        slot: &Slot,
        parent: Option<&Snapshot>,
        id: &str,
    ) -> Sealed {
        self.guests.quiesce(slot.address, &owner.sandbox).await.unwrap();
        self.engines.pause(owner).await.unwrap();
        assert!(self.engines.is_paused(owner).await.unwrap());
        let id = SnapshotId::new(id).unwrap();
        let draft: Draft = self.snapshots.draft(&id).await.unwrap();
        let dumped = self.engines.dump(owner, &draft).await.unwrap();
        let of = Portrayed {
            template: minimal(),
            resources: RESOURCES,
            drives: self.disks.find(owner, &minimal()).await.unwrap(),
            parent: parent.map(|parent| parent.id.clone()),
        };
        self.snapshots.collect(&draft, &of).await.unwrap();
        self.snapshots.seal(&draft, &of, dumped).await.unwrap()
    }

    /// Frees everything of `owner`.
    pub(crate) async fn free(&self, owner: &Owner) {
        self.engines.destroy(owner).await.unwrap();
        self.disks.remove(owner).await.unwrap();
        self.slots.release(owner).await.unwrap();
    }

    /// Starts a shell's script in the guest.
    pub(crate) async fn start(&self, owner: &Owner, slot: &Slot, id: &str, script: &str) -> Outputs {
        let program = Program {
            process: ProcessId::new(id).unwrap(),
            cmd: "/bin/sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            cwd: None,
            env: BTreeMap::new(),
            user: Some("root".to_owned()),
            timeout_sec: 600,
            stdin: false,
            pty: None,
        };
        let started = self.guests.run(slot.address, &owner.sandbox, &program);
        started.await.unwrap()
    }

    /// What a script prints that must end well.
    pub(crate) async fn says(&self, owner: &Owner, slot: &Slot, id: &str, script: &str) -> String {
        all(self.start(owner, slot, id, script).await).await
    }
}

/// Reads a program's output to its good end.
pub(crate) async fn all(mut outputs: Outputs) -> String {
    let mut said = Vec::new();
    while let Some(output) = outputs.next().await {
        match output.unwrap() {
            Output::Data(Channel::Stdout, bytes) => said.extend_from_slice(&bytes),
            Output::End(status) => {
                assert_eq!(status, ExitStatus::Exited { code: 0 });
                return String::from_utf8(said).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the connection broke");
}

/// Sandbox `name` at its `generation`-th placement.
pub(crate) fn owner(name: &str, generation: u64) -> Owner {
    Owner {
        sandbox: SandboxId::new(name).unwrap(),
        generation: Generation(generation),
    }
}

fn minimal() -> TemplateName {
    TemplateName::new("minimal").unwrap()
}

fn spec(slot: &Slot, drives: Drives) -> VmSpec {
    VmSpec {
        resources: RESOURCES,
        drives,
        slot: slot.clone(),
        template: minimal(),
    }
}
