//! A host's agent: what `roost-host` does, on a machine in memory.

use std::sync::Arc;
use std::time::Duration;

use ractor::Actor;
use roost_runtime::fleet::FleetHandle;
use roost_runtime::host::{self, Context, Gate, HostActor, Rests, TTL, Tenure, Terms, Turns};
use roost_runtime::memory::Machine;
use roost_runtime::port::Clock;
use roost_schemas::event::{EngineKind, HostRegistered, TemplateRegistered};
use roost_schemas::id::InvalidId;
use roost_schemas::spec::Resources;
use roost_schemas::{HostId, LifeId, TemplateName};

use tokio::sync::oneshot;

use crate::clock::SimClock;
use crate::ports::{Link, Staged};

/// How long folding the log may take at start.
pub(super) const FOLD_PATIENCE: Duration = Duration::from_mins(5);

/// What an agent ends with.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// A host, with all that outlives its agent.
pub(crate) struct Site {
    pub(crate) host: HostId,
    pub(crate) machine: Machine,
    pub(crate) clock: Arc<SimClock>,
}

impl Site {
    pub(crate) fn new(host: HostId, machine: Machine, clock: Arc<SimClock>) -> Self {
        machine.fence(Arc::clone(&clock) as Arc<dyn Clock>);
        Self { host, machine, clock }
    }

    /// The edge is in the agent.
    pub(crate) fn after_death(&self) {
        for owner in self.machine.inventory().doors {
            roost_runtime::port::Edge::close(&self.machine, &owner);
        }
    }
}

pub(super) async fn live(link: Link, site: Arc<Site>) {
    let (world, life) = (link.world.clone(), Arc::clone(&link.life));
    // Whatever it ends with, its supervisor starts it anew.
    if let Err(ended) = run(link, site).await {
        world.note(format!("{life} ends: {ended}"));
    }
}

async fn run(link: Link, site: Arc<Site>) -> Result<(), Ended> {
    let journal = link.journal();
    let fleet = link.fleet().await;
    fleet.catch_up(&*journal, FOLD_PATIENCE).await?;
    site.machine.restart_store();

    let staged = Arc::new(Staged::new(link.clone(), site.machine.clone()));
    let clock = Arc::clone(&site.clock) as Arc<dyn Clock>;
    let gate = Gate::new(Arc::clone(&staged) as _, Arc::clone(&clock));
    let life = life(&site.host, link.life.number)?;
    let terms = Terms {
        leases: Arc::new(link.clone()),
        fence: Arc::new(gate.clone()),
        clock: Arc::clone(&clock),
        host: site.host.clone(),
        life: life.clone(),
        before: (1..link.life.number)
            .map(|number| self::life(&site.host, number))
            .collect::<Result<_, _>>()?,
        ttl: TTL,
    };
    let tenure = Tenure::take(terms).await?;
    let lease = tenure.lease();
    let context = Arc::new(Context {
        host: site.host.clone(),
        life,
        journal,
        queue: Arc::new(link.clone()),
        output: Arc::new(link.clone()),
        slots: Arc::clone(&staged) as _,
        disks: Arc::clone(&staged) as _,
        engines: gate.engines(Arc::clone(&staged) as _),
        snapshots: Arc::clone(&staged) as _,
        guests: gate.guests(Arc::clone(&staged) as _),
        edge: staged,
        clock,
        turns: Turns::default(),
        rests: Rests::default(),
    });
    let (swept, is_swept) = oneshot::channel();
    let keep = tenure.keep(async {
        // It can only be dropped together with this.
        let _ = is_swept.await;
    });
    tokio::select! {
        biased;
        over = keep => Err(over.into()),
        served = serve(link, context, fleet, lease, swept) => served,
    }
}

async fn serve(
    link: Link,
    context: Arc<Context>,
    fleet: FleetHandle,
    lease: u64,
    swept: oneshot::Sender<()>,
) -> Result<(), Ended> {
    host::announce(&context, registration(lease), vec![template()?]).await?;
    fleet.catch_up(&*context.journal, FOLD_PATIENCE).await?;
    let mine = fleet.read(|fleet| host::mine(&context, fleet));
    host::sweep(&context, &mine).await?;
    // Whoever waits for it is polled beside this.
    let _ = swept.send(());
    let (actor, ended) = HostActor::spawn(None, HostActor, Arc::clone(&context)).await?;
    link.life.owns(actor.get_cell());
    host::wake(&actor, mine);
    tokio::select! {
        biased;
        () = host::serve(&context, actor) => {}
        () = host::collect(&context, &fleet) => {}
        _ = ended => {}
    }
    Ok(())
}

fn life(host: &HostId, number: u32) -> Result<LifeId, InvalidId> {
    LifeId::new(format!("{host}life{number}"))
}

fn registration(lease: u64) -> HostRegistered {
    HostRegistered {
        capacity: Resources {
            vcpus: 8,
            memory_mb: 4096,
        },
        max_sandboxes: 16,
        engine: EngineKind::Qemu,
        engine_version: "memory".to_owned(),
        release: "sim".to_owned(),
        edge: None,
        lease,
    }
}

fn template() -> Result<(TemplateName, TemplateRegistered), InvalidId> {
    let registered = TemplateRegistered {
        digest: "blake3:0".to_owned(),
        bytes: 1,
        drive_bytes: None,
        defaults: Resources {
            vcpus: 1,
            memory_mb: 128,
        },
    };
    Ok((TemplateName::new("base")?, registered))
}
