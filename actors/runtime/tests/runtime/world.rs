//! A whole Roost in one process: the log in memory, a machine in memory, and the actors that are tested.

mod ask;
mod clock;
pub(crate) mod control;
pub(crate) mod lease;
mod paused;
mod stage;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use ask::*;
pub(crate) use clock::TestClock;
pub(crate) use paused::*;
use ractor::{Actor, ActorRef};
use roost_domain::webhook::Targets;
use roost_journal::memory::{Memory, Options};
use roost_journal::port::Journal;
use roost_runtime::fleet::FleetHandle;
use roost_runtime::host::{self, Context, Gate, HostActor, HostMessage, Over, TTL, Tenure, Terms, Turns};
use roost_runtime::memory::Machine;
use roost_runtime::port::{Clock, Fence};
use roost_runtime::router::Router;
use roost_schemas::event::{EngineKind, HostRegistered, TemplateRegistered};
use roost_schemas::spec::Resources;
use roost_schemas::{LifeId, TemplateName};
use stage::{Pulse, Script, Stage};
use tokio::task::{AbortHandle, JoinHandle};
use wire::{Trouble, Wire};

pub(crate) struct World {
    pub(crate) memory: Memory,
    pub(crate) machine: Machine,
    pub(crate) script: Arc<Script>,
    pub(crate) trouble: Arc<Trouble>,
    pub(crate) clock: Arc<TestClock>,
    /// The clock that only the host looks at.
    pub(crate) host_clock: Arc<TestClock>,
    pub(crate) fleet: FleetHandle,
    /// The leases as the host sees them.
    pub(crate) leases: Arc<lease::Store>,
    /// Whether the host holds one, and has a fence.
    leased: bool,
    /// Earlier lives of the host.
    before: BTreeSet<LifeId>,
    memory_mb: u32,
    life: Option<Life>,
    router: AbortHandle,
}

/// One life of the host.
struct Life {
    actor: ActorRef<HostMessage>,
    pulse: Pulse,
    serve: AbortHandle,
    collect: AbortHandle,
    tenure: Option<JoinHandle<Over>>,
}

impl World {
    /// With a router and a host that takes commands.
    pub(crate) async fn new() -> Self {
        let mut world = Self::without_host().await;
        world.start_host().await;
        world
    }

    /// The same with a queue that delivers again what is not settled soon, which real time needs.
    pub(crate) async fn in_real_time() -> Self {
        let mut world = Self::leasing_for(Duration::from_millis(200)).await;
        world.start_host().await;
        world
    }

    /// The same with a host of so many MiB.
    pub(crate) async fn with_memory(memory_mb: u32) -> Self {
        let mut world = Self::without_host().await;
        world.memory_mb = memory_mb;
        world.start_host().await;
        world
    }

    /// The same with a host that holds a lease, behind a fence.
    pub(crate) async fn leased() -> Self {
        let mut world = Self::without_host().await;
        world.leased = true;
        world.machine.fence(Arc::clone(&world.host_clock) as _);
        world.start_host().await;
        world
    }

    pub(crate) async fn without_host() -> Self {
        Self::leasing_for(Options::default().lease).await
    }

    async fn leasing_for(lease: Duration) -> Self {
        let clock = Arc::new(TestClock::new());
        let options = Options {
            clock: {
                let clock = Arc::clone(&clock);
                Arc::new(move || clock.now())
            },
            lease,
            ..Options::default()
        };
        let memory = Memory::new(&options);
        let leases = Arc::new(lease::Store::of(memory.leases()));
        let fleet = FleetHandle::start(Arc::new(memory.journal()), None).await;
        let trouble = Arc::<Trouble>::default();
        let router = Router {
            journal: Arc::new(Wire {
                journal: memory.journal(),
                trouble: Arc::clone(&trouble),
                pulse: Pulse::new(),
                script: None,
            }),
            queue: Arc::new(memory.queue()),
            fleet: fleet.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            targets: Targets::default(),
        };
        let router = tokio::spawn(async move { router.run().await }).abort_handle();
        Self {
            memory,
            machine: Machine::default(),
            script: Arc::default(),
            trouble,
            clock,
            host_clock: Arc::new(TestClock::new()),
            fleet,
            leases,
            leased: false,
            before: BTreeSet::new(),
            memory_mb: 64 * 1024,
            life: None,
            router,
        }
    }

    /// Starts the host as its binary does.
    pub(crate) async fn start_host(&mut self) {
        assert!(self.life.is_none(), "it runs already");
        let pulse = Pulse::new();
        let stage = Arc::new(Stage {
            machine: self.machine.clone(),
            script: Arc::clone(&self.script),
            pulse: pulse.clone(),
        });
        let journal = Arc::new(Wire {
            journal: self.memory.journal(),
            trouble: Arc::clone(&self.trouble),
            pulse: pulse.clone(),
            script: Some(Arc::clone(&self.script)),
        });
        let life = LifeId::random();
        let fence = Arc::new(self.machine.clone());
        let gate = Gate::new(fence, Arc::clone(&self.host_clock) as _);
        let tenure = if self.leased {
            Some(self.take_lease(&life, &gate).await)
        } else {
            // There is no fence, so nothing ever waits for one.
            gate.extend(Duration::MAX).await.unwrap();
            None
        };
        let context = Arc::new(Context {
            host: host_id(),
            life,
            journal,
            queue: Arc::new(self.memory.queue()),
            output: Arc::new(self.memory.output()),
            slots: Arc::clone(&stage) as _,
            disks: Arc::clone(&stage) as _,
            engines: gate.engines(Arc::clone(&stage) as _),
            snapshots: Arc::clone(&stage) as _,
            guests: gate.guests(Arc::clone(&stage) as _),
            edge: stage,
            clock: Arc::clone(&self.host_clock) as _,
            turns: Turns::default(),
            rests: host::Rests::default(),
        });
        let journal = self.memory.journal();
        let (actor, _ended) = HostActor::spawn(None, HostActor, Arc::clone(&context))
            .await
            .unwrap();
        host::announce(&context, registration(self.memory_mb), vec![template()])
            .await
            .unwrap();
        // What was announced must be known before a test asks for it, too.
        self.fleet.catch_up(&journal, PATIENCE).await.unwrap();
        let mine = self.fleet.read(|fleet| host::mine(&context, fleet));
        host::sweep(&context, &mine).await.unwrap();
        self.machine.restart_store();
        match host::collect_once(&context, &self.fleet).await {
            Ok(_) | Err(host::NotCollected::Unreadable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let tenure = tenure.map(|tenure| tokio::spawn(tenure.keep(std::future::ready(()))));
        host::wake(&actor, mine);
        let collect = {
            let (context, fleet) = (Arc::clone(&context), self.fleet.clone());
            tokio::spawn(async move { host::collect(&context, &fleet).await }).abort_handle()
        };
        let serve = {
            let actor = actor.clone();
            tokio::spawn(async move { host::serve(&context, actor).await }).abort_handle()
        };
        self.life = Some(Life {
            actor,
            pulse,
            serve,
            collect,
            tenure,
        });
    }

    async fn take_lease(&mut self, life: &LifeId, gate: &Gate) -> Tenure {
        let terms = Terms {
            leases: Arc::clone(&self.leases) as _,
            fence: Arc::new(gate.clone()),
            clock: Arc::clone(&self.host_clock) as _,
            host: host_id(),
            life: life.clone(),
            before: self.before.clone(),
            ttl: TTL,
        };
        self.before.insert(life.clone());
        Tenure::take(terms).await.unwrap()
    }

    /// Waits until the host's tenure is over, and says why.
    pub(crate) async fn tenure_over(&mut self) -> Over {
        let tenure = self.life.as_mut().and_then(|life| life.tenure.take());
        tenure.expect("it holds a lease").await.unwrap()
    }

    /// Ends the host as `kill -9` does: nothing it has begun goes on.
    pub(crate) async fn kill_host(&mut self) {
        let life = self.life.take().expect("it runs");
        let Life {
            actor,
            pulse,
            serve,
            collect,
            tenure,
        } = life;
        pulse.stop();
        serve.abort();
        collect.abort();
        if let Some(tenure) = tenure {
            tenure.abort();
        }
        actor.kill_and_wait(None).await.unwrap();
    }

    /// Sandbox actors that the host has.
    pub(crate) fn actors(&self) -> usize {
        self.life
            .as_ref()
            .map_or(0, |life| life.actor.get_children().len())
    }

    /// The host actor itself.
    pub(crate) fn host(&self) -> &ActorRef<HostMessage> {
        &self.life.as_ref().expect("it runs").actor
    }

    /// Ends the router, so that nothing is placed or forwarded any more.
    pub(crate) fn stop_router(&self) {
        self.router.abort();
    }

    /// The last sequence of the log.
    pub(crate) async fn head(&self) -> u64 {
        self.memory.journal().head().await.unwrap().0
    }
}

fn registration(memory_mb: u32) -> HostRegistered {
    HostRegistered {
        capacity: Resources { vcpus: 64, memory_mb },
        max_sandboxes: 200,
        engine: EngineKind::Qemu,
        engine_version: "memory".to_owned(),
        release: "test".to_owned(),
        edge: None,
        lease: 0,
    }
}

fn template() -> (TemplateName, TemplateRegistered) {
    let registered = TemplateRegistered {
        digest: "blake3:0".to_owned(),
        bytes: 1,
        drive_bytes: None,
        defaults: Resources {
            vcpus: 1,
            memory_mb: 128,
        },
    };
    (TemplateName::new("base").unwrap(), registered)
}
