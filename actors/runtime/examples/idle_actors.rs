//! What an idle sandbox costs its host agent: a thousand of them on the adapters in memory, by the process's own size.
//!
//! All that is kept for a sandbox counts: its actor, its place in the fleet, its commits in the log in memory, and its
//! VM on the machine in memory. The last two are nothing that a real host agent would hold, so the figure is an upper
//! bound. Run it with `--release`; it fails when the bar is missed.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use ractor::Actor;
use roost_domain::sandbox::Phase;
use roost_domain::webhook::Targets;
use roost_journal::memory::Memory;
use roost_journal::port::{Message, Queue};
use roost_runtime::fleet::FleetHandle;
use roost_runtime::host::{self, Context, HostActor, Rests, Turns};
use roost_runtime::memory::Machine;
use roost_runtime::port::SystemClock;
use roost_runtime::router::Router;
use roost_schemas::command::ContentType;
use roost_schemas::event::{EngineKind, HostRegistered, TemplateRegistered};
use roost_schemas::reply::Reply;
use roost_schemas::spec::Resources;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, HostId, LifeId, SandboxId, TemplateName, TenantId};

const SANDBOXES: usize = 1000;
/// Bytes that one may cost.
const BAR: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_mins(1);
/// After this long nothing is under way any more, and what was freed has gone back.
const REST: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let memory = Memory::default();
    let fleet = FleetHandle::start(Arc::new(memory.journal()), None).await;
    start(&memory, &fleet).await?;
    // What the first ones need once and for all is not of the others.
    let warm = SANDBOXES / 10;
    run(&memory, &fleet, 0, warm).await?;
    let before = resident()?;
    run(&memory, &fleet, warm, warm + SANDBOXES).await?;
    let each = resident()?.saturating_sub(before) / SANDBOXES;
    let met = each <= BAR;
    let verdict = if met { "ok" } else { "MISSED" };
    println!("idle actors: {SANDBOXES}, bytes per actor: {each} (bar {BAR}): {verdict}");
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts a router, and a host with room for all.
async fn start(memory: &Memory, fleet: &FleetHandle) -> Result<()> {
    let machine = Arc::new(Machine::default());
    let context = Arc::new(Context {
        host: HostId::new("h1")?,
        life: LifeId::random(),
        journal: Arc::new(memory.journal()),
        queue: Arc::new(memory.queue()),
        output: Arc::new(memory.output()),
        slots: Arc::clone(&machine) as _,
        disks: Arc::clone(&machine) as _,
        engines: Arc::clone(&machine) as _,
        snapshots: Arc::clone(&machine) as _,
        guests: Arc::clone(&machine) as _,
        edge: machine,
        clock: Arc::new(SystemClock),
        turns: Turns::default(),
        rests: Rests::default(),
    });
    let smallest = Resources {
        vcpus: 1,
        memory_mb: 128,
    };
    let registration = HostRegistered {
        capacity: Resources {
            vcpus: 10_000,
            memory_mb: 10_000_000,
        },
        max_sandboxes: 10_000,
        engine: EngineKind::Qemu,
        engine_version: "memory".to_owned(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        edge: None,
        lease: 0,
    };
    let template = TemplateRegistered {
        digest: "blake3:0".to_owned(),
        bytes: 1,
        drive_bytes: None,
        defaults: smallest,
    };
    let templates = vec![(TemplateName::new("base")?, template)];
    host::announce(&context, registration, templates).await?;
    fleet.catch_up(&memory.journal(), PATIENCE).await?;
    let (actor, _ended) = HostActor::spawn(None, HostActor, Arc::clone(&context)).await?;
    tokio::spawn(async move { host::serve(&context, actor).await });
    let router = Router {
        journal: Arc::new(memory.journal()),
        queue: Arc::new(memory.queue()),
        fleet: fleet.clone(),
        clock: Arc::new(SystemClock),
        targets: Targets::default(),
    };
    tokio::spawn(async move { router.run().await });
    Ok(())
}

/// Creates sandboxes `from` to `to`, and waits until all run and rest.
async fn run(memory: &Memory, fleet: &FleetHandle, from: usize, to: usize) -> Result<()> {
    for n in from..to {
        create(memory, n).await?;
    }
    let running = fleet.until(PATIENCE, |fleet| {
        let running = fleet
            .live()
            .filter(|(_, _, view)| view.state.phase == Phase::Running);
        (running.count() == to).then_some(())
    });
    running.await.context("not all sandboxes came to run")?;
    tokio::time::sleep(REST).await;
    Ok(())
}

async fn create(memory: &Memory, n: usize) -> Result<()> {
    let body = br#"{"type":"create","spec":{"template":"base","timeout_sec":3600}}"#;
    let subject = CommandSubject {
        tenant: TenantId::new("default")?,
        route: Route::Any,
        sandbox: SandboxId::new(format!("s{n}"))?,
    };
    let message = Message {
        command_id: CommandId::random(),
        principal: "bench".to_owned(),
        deadline: None,
        reply: None,
        trace: None,
        content: ContentType::Json,
        body: Bytes::from_static(body),
    };
    match memory.queue().request(&subject, message, PATIENCE).await? {
        Reply::Accepted(_) => Ok(()),
        Reply::Rejected(rejected) => bail!("sandbox {n}: {}", rejected.message),
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: usize = kib
        .context("/proc/self/status has no VmRSS in kB")?
        .trim()
        .parse()?;
    Ok(kib * 1024)
}
