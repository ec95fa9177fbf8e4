//! Running seeds: one world each, on as many threads as there are cores.

use futures::future::BoxFuture;

use crate::world::{Checker, Violation, World};

/// What is played in a world.
pub struct Play {
    /// What clients do; over when they have all they want, or have given up.
    pub clients: BoxFuture<'static, ()>,
    /// What is looked at.
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
    /// The rule that was broken, and the last steps.
    pub failure: Option<(Violation, Vec<String>)>,
}

/// Runs the world of `seed` to its end.
pub fn run_seed(seed: u64, play: impl FnOnce(&World) -> Play) -> Outcome {
    let world = World::new(seed);
    let Play { clients, mut checker } = play(&world);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread needs nothing of the system");
    runtime.block_on(clients);
    let rest = checker.at_rest(&world);
    let trace = world.trace();
    Outcome {
        seed,
        steps: 0,
        hash: trace.hash(),
        failure: rest
            .err()
            .map(|violation| (violation, trace.last().map(str::to_owned).collect())),
    }
}
