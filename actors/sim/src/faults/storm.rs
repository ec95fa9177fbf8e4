//! What strikes a world from outside: processes that die or stop, cuts, full disks, silent guests, engines that end, clocks
//! that are set.

use std::sync::Arc;
use std::time::Duration;

use roost_runtime::memory::Machine;
use roost_schemas::Owner;

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
    /// An engine answers nobody any more.
    Hang,
    /// A sealed snapshot is damaged.
    Rot,
    /// A clock is set.
    Clock,
}

const BLOWS: [Blow; 11] = [
    Blow::Kill,
    Blow::Ill(Ill::Cut),
    Blow::Ill(Ill::Stopped),
    Blow::Ill(Ill::Slow),
    Blow::Ill(Ill::Full),
    Blow::Ill(Ill::Silent),
    Blow::Outage,
    Blow::Engine,
    Blow::Hang,
    Blow::Rot,
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
    let mut processes = world.processes();
    if matches!(blow, Blow::Ill(ill) if ill.is_of_machine()) {
        // Nobody else has a machine's disk and guests.
        processes.retain(|process| world.machines().keys().any(|host| host.as_str() == &**process));
    }
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
        Blow::Engine => {
            if let Some((machine, owner)) = engine(world, random) {
                world.note(format!("the engine of {owner} ends"));
                machine.crash_engine(&owner);
            }
        }
        Blow::Hang => {
            if let Some((machine, owner)) = engine(world, random) {
                world.note(format!("the engine of {owner} falls silent"));
                machine.silence_engine(&owner);
            }
        }
        Blow::Rot => rot(world, random),
        Blow::Clock => {
            let by = random.i64(-3_600_000..=3_600_000);
            world.note(format!("the clock of {process} is set by {by} ms"));
            world.set_clock(&process, by);
        }
    }
}

/// Some engine.
fn engine<'a>(world: &'a World, random: &mut fastrand::Rng) -> Option<(&'a Machine, Owner)> {
    let engines = world.machines().values().flat_map(|machine| {
        let engines = machine.inventory().engines.into_keys();
        engines.map(move |owner| (machine, owner))
    });
    random.choice(engines.collect::<Vec<_>>())
}

fn rot(world: &World, random: &mut fastrand::Rng) {
    let sealed = world.machines().values().flat_map(|machine| {
        let sealed = machine.sealed().into_iter();
        sealed.map(move |id| (machine, id))
    });
    if let Some((machine, id)) = random.choice(sealed.collect::<Vec<_>>()) {
        world.note(format!("{id} is damaged"));
        machine.damage(&id);
    }
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
