//! Opening all that a host agent that has joined stands on, in the order in which the parts need each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use roost_edge::Edge;
use roost_engine::Cgroups;
use roost_journal::jetstream::Connection;
use roost_journal::port::Journal;
use roost_net::{Config, SlotPool};
use roost_runtime::fleet::{FleetHandle, REPLAY_PATIENCE};
use roost_runtime::host::{Context, Rests, Turns};
use roost_runtime::port::SystemClock;
use roost_schemas::event::{HostRegistered, TemplateRegistered};
use roost_schemas::snapshot::Machine;
use roost_schemas::{HostId, TemplateName};
use roost_snapshots::Store;

use super::capacity;
use super::join::{self, Held, Joined, Request};
use crate::cli::Run;
use crate::disk::{DriveStore, Images};
use crate::machine::{
    Candidates, EngineChoice, RealDisks, RealEngines, RealGuests, RealSlots, RealSnapshots, Supply, hardware,
};
use crate::paths::{Paths, cgroup};

/// A host agent that is ready to serve.
pub(super) struct Opened {
    pub(super) context: Arc<Context>,
    pub(super) fleet: FleetHandle,
    pub(super) registration: HostRegistered,
    pub(super) templates: Vec<(TemplateName, TemplateRegistered)>,
    pub(super) tenure: Held,
    pub(super) slots: SlotPool,
    connection: Connection,
    /// The state folder is this agent's for as long as this lives.
    _paths: Paths,
}

impl Opened {
    /// Gives back what is of no use without an agent. Sandboxes keep what is theirs.
    pub(super) async fn close(self) -> Result<()> {
        self.fleet.stop().await;
        self.slots.close().await?;
        self.connection.close().await;
        Ok(())
    }
}

/// Joins as the command line says.
pub(super) async fn join(cli: &Run) -> Result<Joined> {
    // clap has seen to it that these are given; only a subcommand goes without.
    let (Some(nats), Some(state), Some(host)) = (&cli.nats, &cli.state, &cli.host_id) else {
        anyhow::bail!("--nats, --state and --host-id are needed");
    };
    let fence = daemon(cli.fence.as_deref(), "roost-fence", "--fence")?;
    let request = Request {
        nats: cli.access.options(nats)?.named(format!("roost-host {host}")),
        state,
        host,
        fence,
    };
    join::join(request).await
}

pub(super) async fn open(cli: Run, joined: Joined) -> Result<Opened> {
    let (Some(images), Some(host), Some(tokens)) = (&cli.images, &cli.host_id, &cli.token_key) else {
        anyhow::bail!("--images, --host-id and --token-key are needed");
    };
    let Joined {
        paths,
        connection,
        life,
        gate,
        tenure,
    } = joined;
    let candidates = Candidates {
        qemu: program(cli.qemu_engine.as_deref(), "roost-qemu")?,
        jailer: program(cli.qemu_jailer.as_deref(), "roost-jailer")?,
        chroots: paths.state.join("jails"),
        images: images.clone(),
        cgroups: Cgroups::find(&cgroup(host)).context("cannot tell which cgroups there are")?,
    };
    let images = open_images(images.clone()).await?;
    let choice = EngineChoice::find(cli.engine, candidates).await?;
    let machine = hardware(&choice).context("cannot tell what processor this is")?;
    let store = open_store(paths.state.join("snapshots"), host.clone(), machine.clone()).await?;
    let edge = Edge::listen(cli.edge, tokens).await?;
    let registration = HostRegistered {
        capacity: capacity::of_this_machine(&cli)?,
        max_sandboxes: cli.max_sandboxes,
        engine: choice.kind(),
        engine_version: choice.version(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        edge: Some(edge.url()),
        lease: tenure.lease,
    };
    let templates = images.registrations();

    let journal: Arc<dyn Journal> = Arc::new(connection.journal());
    let fleet = FleetHandle::open(Arc::clone(&journal), &paths.state).await?;
    fleet.catch_up(&*journal, REPLAY_PATIENCE).await?;

    let tap_owners = choice.first_uid();
    let pager = daemon(cli.pager.as_deref(), "roost-pager", "--pager")?;
    let engines = RealEngines::new(choice, pager, &paths.run).supplied(Supply {
        kernel: images.vmlinux().to_owned(),
        initramfs: images.initramfs().to_owned(),
        tokens: tokens.clone(),
    });
    let slots = SlotPool::open(slot_config(&cli, host.as_str(), tap_owners)?).await?;
    let drives = DriveStore::new(paths.state.join("drives"), images.blank_drive().to_owned());
    let context = Context {
        host: host.clone(),
        life,
        queue: Arc::new(connection.queue()),
        output: Arc::new(connection.output()),
        journal,
        slots: Arc::new(RealSlots::new(slots.clone())),
        disks: Arc::new(RealDisks::new(Arc::clone(&images), drives, Arc::clone(&store))),
        engines: gate.engines(Arc::new(engines)),
        snapshots: Arc::new(RealSnapshots::new(store, &images, machine)),
        guests: gate.guests(Arc::new(RealGuests {
            boot_patience: Duration::from_secs(cli.boot_timeout_sec),
            tokens: tokens.clone(),
        })),
        edge: Arc::new(edge),
        clock: Arc::new(SystemClock),
        turns: Turns::default(),
        rests: Rests::default(),
    };
    Ok(Opened {
        context: Arc::new(context),
        fleet,
        registration,
        templates,
        tenure,
        slots,
        connection,
        _paths: paths,
    })
}

/// Verifying the images reads them whole, which takes a moment.
async fn open_images(folder: PathBuf) -> Result<Arc<Images>> {
    Ok(Arc::new(
        tokio::task::spawn_blocking(move || Images::open(&folder)).await??,
    ))
}

/// Opening the store removes what an earlier life of this host left half done there.
async fn open_store(folder: PathBuf, host: HostId, machine: Machine) -> Result<Arc<Store>> {
    let store = tokio::task::spawn_blocking(move || Store::open(&folder, host, machine)).await??;
    Ok(Arc::new(store))
}

fn slot_config(cli: &Run, host: &str, tap_owners: u32) -> Result<Config> {
    let resolver = match cli.dns {
        Some(resolver) => resolver,
        None => roost_net::resolver::of_this_machine().context("set --dns")?,
    };
    Ok(Config {
        tap_owners: Some(tap_owners),
        warm: cli.warm_slots,
        veth_range: cli.veth_range,
        host_range: cli.guest_range,
        ..Config::new(host.parse()?, resolver)
    })
}

/// A program that this one starts; `option` names it.
fn daemon(given: Option<&Path>, name: &str, option: &str) -> Result<PathBuf> {
    let program = program(given, name)?;
    ensure!(
        program.is_file(),
        "{} is not there; build it with `cargo build -p {name}` or name it with {option}",
        program.display()
    );
    Ok(program)
}

/// The program that was given, else the one called `name` beside this one.
fn program(given: Option<&Path>, name: &str) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => Ok(std::env::current_exe()
            .context("cannot tell where this program is")?
            .with_file_name(name)),
    }
}
