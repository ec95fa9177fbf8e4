//! What strikes a world from outside: processes that die or stop, cuts, full disks, silent guests, engines that end, clocks
//! that are set.

use std::sync::Arc;
use std::time::Duration;

use super::Ill;
use crate::world::World;

/// What can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// A process dies.
    Kill,
    /// Something lasts a while.
    Ill(Ill),
    /// Nobody reaches the server.
    Outage,
    /// An engine ends, by itself or because its pager did.
    Engine,
    /// A clock is set.
    Clock,
}

const BLOWS: [Blow; 9] = [
    Blow::Kill,
    Blow::Ill(Ill::Cut),
    Blow::Ill(Ill::Stopped),
    Blow::Ill(Ill::Slow),
    Blow::Ill(Ill::Full),
    Blow::Ill(Ill::Silent),
    Blow::Outage,
    Blow::Engine,
    Blow::Clock,
];

/// Strikes now and then, until the storm is over.
pub(crate) async fn rage(world: World) {
    let mut random = world.random("storm");
    let blows: Vec<Blow> = BLOWS.into_iter().filter(|_| random.bool()).collect();
    let longest = random.u64(2_000..20_000);
    while world.is_stormy() && !blows.is_empty() {
        tokio::time::sleep(Duration::from_millis(random.u64(200..longest))).await;
        if !world.is_stormy() {
            return;
        }
        let blow = blows[random.usize(..blows.len())];
        strike(&world, blow, &mut random);
    }
}

fn strike(world: &World, blow: Blow, random: &mut fastrand::Rng) {
    let processes = world.processes();
    let process = Arc::clone(&processes[random.usize(..processes.len())]);
    let lasts = lasting(random);
    match blow {
        Blow::Kill => world.kill(&process),
        Blow::Ill(ill) => {
            world.note(format!("{process} is {ill:?} for {lasts:?}"));
            world.weather().strike(ill, &process, lasts);
        }
        Blow::Outage => {
            world.note(format!("the server is away for {lasts:?}"));
            for process in processes.iter().chain(&world.clients()) {
                world.weather().strike(Ill::Cut, process, lasts);
            }
        }
        Blow::Engine => engine(world, random),
        Blow::Clock => {
            let by = random.i64(-3_600_000..=3_600_000);
            world.note(format!("the clock of {process} is set by {by} ms"));
            world.set_clock(&process, by);
        }
    }
}

fn engine(world: &World, random: &mut fastrand::Rng) {
    let engines = world.machines().values().flat_map(|machine| {
        let engines = machine.inventory().engines.into_keys();
        engines.map(move |owner| (machine, owner))
    });
    let mut engines: Vec<_> = engines.collect();
    if engines.is_empty() {
        return;
    }
    let (machine, owner) = engines.swap_remove(random.usize(..engines.len()));
    world.note(format!("the engine of {owner} ends"));
    machine.crash_engine(&owner);
}

/// A moment, as a rule; sometimes longer than a lease.
fn lasting(random: &mut fastrand::Rng) -> Duration {
    let range = if random.u32(0..5) == 0 {
        15_000..60_000
    } else {
        100..8_000
    };
    Duration::from_millis(random.u64(range))
}
