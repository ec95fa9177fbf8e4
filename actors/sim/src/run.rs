//! Running seeds: one world each, on as many threads as there are cores.
//!
//! ```text
//!   storm: clients and faults ─▶ calm: clients end ─▶ nothing new for a while ─▶ Checker::at_rest
//! ```

mod panics;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use roost_schemas::Sequence;

use crate::trace::{self, Trace};
use crate::world::{Checker, Violation, World};

/// How long a storm lasts, in seconds.
const STORM: Range<u64> = 20..240;
/// How long clients may take to end after it.
const CLIENTS_END: Duration = Duration::from_mins(10);
/// How long nothing new may come for everything to be at rest: longer than anything waits before it tries again.
const QUIET: Duration = Duration::from_secs(75);
/// How long it may take until then.
const CONVERGES: Duration = Duration::from_mins(20);

/// What is played in a world.
pub struct Play {
    /// What clients do; over when they have all they want, or have given up.
    pub clients: BoxFuture<'static, ()>,
    /// What looks at it.
    pub checker: Box<dyn Checker>,
}

/// How a seed ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Calls, deliveries and appends that the world let pass.
    pub steps: u64,
    /// The whole trace in a number.
    pub hash: u64,
    /// The rule that was broken.
    pub violation: Option<Violation>,
    /// The last steps.
    pub last: Vec<String>,
}

/// Runs the world of `seed` to its end.
pub fn run_seed(seed: u64, play: impl FnOnce(&World) -> Play) -> Outcome {
    run_traced(seed, trace::LAST, play)
}

/// The same, with so many of its last steps in words.
pub fn run_traced(seed: u64, last: usize, play: impl FnOnce(&World) -> Play) -> Outcome {
    panics::count();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread needs nothing of the system");
    runtime.block_on(async {
        let world = World::new(seed, Trace::keeping(last));
        let Play { clients, checker } = play(&world);
        world.watched_by(checker);
        world.start();
        tokio::select! {
            biased;
            () = world.broken() => {}
            () = course(&world, clients) => {}
        }
        outcome(&world)
    })
}

/// Runs the worlds of `seeds` on so many threads, and tells `each` how it ended.
pub fn run_seeds(
    seeds: Range<u64>,
    threads: usize,
    play: impl Fn(&World) -> Play + Sync,
    each: impl Fn(Outcome) + Sync,
) {
    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    each(run_seed(seed, &play));
                }
            });
        }
    });
}

async fn course(world: &World, clients: BoxFuture<'static, ()>) {
    let mut clients = tokio::spawn(clients);
    let storm = Duration::from_secs(world.random("storm's length").u64(STORM));
    tokio::time::sleep(storm).await;
    world.calm();
    match tokio::time::timeout(CLIENTS_END, &mut clients).await {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => {
            return world.broke(Violation {
                invariant: "clients do not panic",
                detail: panic.to_string(),
            });
        }
        Err(_) => {
            return world.broke(Violation {
                invariant: "when faults stop, everything converges",
                detail: format!("clients have not ended {CLIENTS_END:?} after the storm"),
            });
        }
    }
    if rest(world).await {
        world.note("at rest");
        world.check_at_rest();
    } else {
        world.broke(Violation {
            invariant: "when faults stop, everything converges",
            detail: format!("commits still come {CONVERGES:?} after all clients have ended"),
        });
    }
}

/// Waits until nothing new comes any more; answers whether that was so in time.
async fn rest(world: &World) -> bool {
    let began = world.elapsed();
    let mut seen = Sequence::default();
    while world.elapsed() < began + CONVERGES {
        let Some(last) = world.records(seen).last().map(|record| record.sequence) else {
            return true;
        };
        seen = last;
        tokio::time::sleep(QUIET).await;
    }
    false
}

fn outcome(world: &World) -> Outcome {
    let (trace, steps) = world.trace();
    let panic = panics::first().map(|detail| Violation {
        invariant: "nothing panics",
        detail,
    });
    Outcome {
        seed: world.seed(),
        steps,
        hash: trace.hash(),
        violation: world.violation().or(panic),
        last: trace.last().map(str::to_owned).collect(),
    }
}
