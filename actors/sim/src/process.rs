//! Processes: each lives, dies at any call, and is started anew by whoever supervises it.
//!
//! ```text
//!   start ─▶ Life ── dies: at a call, by the weather, or by itself ──▶ pause ─▶ the next Life
//! ```
//!
//! What a dead life has begun stands still for ever at its next call, as after `kill -9`: nothing of it reaches the log or
//! the machine any more.

mod control;
mod host;
mod reader;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::ActorCell;
use roost_runtime::memory::Kept;
use tokio::sync::Notify;

pub(crate) use host::Site;

use crate::ports::Link;
use crate::world::World;

/// What a process is.
#[derive(Clone)]
pub(crate) enum Kind {
    /// A host's agent.
    Host(Arc<Site>),
    /// The router and the reconciler, with what outlives each of their lives.
    Control(Arc<Kept>),
    /// A projection, as a gateway has one.
    Reader,
}

/// One life of a process.
pub(crate) struct Life {
    /// The process's name.
    pub(crate) process: Arc<str>,
    /// Which of its lives this is, from 1.
    pub(crate) number: u32,
    mortal: bool,
    dead: AtomicBool,
    /// It dies as soon as the call under way has had its effect.
    doomed: AtomicBool,
    died: Notify,
    actors: Mutex<Vec<ActorCell>>,
}

impl Life {
    pub(crate) fn new(process: Arc<str>, number: u32) -> Self {
        Self {
            process,
            number,
            mortal: true,
            dead: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            died: Notify::new(),
            actors: Mutex::default(),
        }
    }

    /// The one life of a client, which is outside and remembers what it was told.
    pub(crate) fn of_client(name: Arc<str>) -> Self {
        Self {
            mortal: false,
            ..Self::new(name, 1)
        }
    }

    pub(crate) fn is_mortal(&self) -> bool {
        self.mortal
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Ends it. What it is amid of goes no further than its next call.
    pub(crate) fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
    }

    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Relaxed)
    }

    /// Lets `actor` die with it.
    pub(crate) fn owns(&self, actor: ActorCell) {
        self.actors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(actor);
    }

    fn kill_actors(&self) {
        for actor in self
            .actors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            actor.kill();
        }
    }
}

impl std::fmt::Display for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.process, self.number)
    }
}

/// Lets `process` live, again and again.
pub(crate) async fn supervise(world: World, process: Arc<str>, kind: Kind) {
    let mut random = world.random(&process);
    for number in 1.. {
        let life = Arc::new(Life::new(Arc::clone(&process), number));
        world.begin(&life);
        let link = Link::new(world.clone(), Arc::clone(&life));
        let mut main = tokio::spawn(kind.live(link));
        tokio::select! {
            biased;
            () = life.died.notified() => {}
            _ = &mut main => {}
        }
        world.end(&life);
        main.abort();
        life.kill_actors();
        kind.after_death();
        if random.u32(0..8) == 0 {
            // It holds nothing that the log does not.
            world.forget_checkpoint(&process).await;
        }
        tokio::time::sleep(pause(&world, &mut random)).await;
    }
}

/// How long a dead process stays away: as a rule a moment, sometimes for longer than its lease.
fn pause(world: &World, random: &mut fastrand::Rng) -> Duration {
    let long = random.u32(0..12) == 0 && world.is_stormy();
    let range = if long { 20_000..70_000 } else { 50..3_000 };
    Duration::from_millis(random.u64(range))
}

impl Kind {
    /// What one life does, until it ends by itself.
    fn live(&self, link: Link) -> BoxFuture<'static, ()> {
        match self.clone() {
            Self::Host(site) => Box::pin(host::live(link, site)),
            Self::Control(kept) => Box::pin(control::live(link, kept)),
            Self::Reader => Box::pin(reader::live(link)),
        }
    }

    fn after_death(&self) {
        if let Self::Host(site) = self {
            site.after_death();
        }
    }
}
