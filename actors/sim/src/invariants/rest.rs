//! What must be so when faults have stopped for long enough.

use std::collections::BTreeSet;
use std::time::Duration;

use roost_domain::sandbox::{Phase, Sandbox};
use roost_runtime::memory::Inventory;
use roost_schemas::command::SandboxCommand;
use roost_schemas::subject::{EventSubject, Route};
use roost_schemas::{HostId, Owner, ProcessId};

use super::history::{History, Life};
use super::{broken, rule};
use crate::client::FOREVER;
use crate::record::{Diary, Outcome, Sending};
use crate::world::{Violation, World};

/// How long after its time a sandbox may still run.
const LATE: Duration = Duration::from_mins(1);

pub(super) fn check(world: &World, diary: &Diary, history: &History) -> Result<(), Violation> {
    folded(world, history)?;
    for (subject, life) in history.lives() {
        if let Err(detail) = at_rest(world, history, life) {
            return broken(rule::CONVERGES, format!("{subject} {detail}"));
        }
    }
    for (host, machine) in world.machines() {
        let inventory = machine.inventory();
        let running = running_on(host, history);
        held(host, &inventory, &running)?;
        let references = history.fleet().references(host);
        if let Some(id) = machine.unneeded(&references).first() {
            return broken(
                rule::CONVERGES,
                format!("{host} keeps snapshot {id}, which nothing refers to"),
            );
        }
    }
    programs(diary, history)?;
    answered(diary)
}

/// Everybody has folded the whole log.
fn folded(world: &World, history: &History) -> Result<(), Violation> {
    for (name, fleet) in world.fleets() {
        if let Some(alarm) = fleet.alarm() {
            return broken(rule::CONVERGES, format!("{name} has stopped folding: {alarm:?}"));
        }
        let (applied, head) = (fleet.applied(), history.head());
        if applied != head {
            return broken(
                rule::CONVERGES,
                format!("{name} has folded up to {applied} of {head}"),
            );
        }
    }
    Ok(())
}

fn at_rest(world: &World, history: &History, life: &Life) -> Result<(), String> {
    let sandbox = &life.sandbox;
    let phase = sandbox.phase;
    if phase.is_end() {
        return Ok(());
    }
    if !matches!(phase, Phase::Running | Phase::Paused) {
        return Err(format!("is still {}", phase.as_str()));
    }
    if !sandbox.asked.is_empty() {
        return Err(format!("still waits for snapshots {:?}", sandbox.asked));
    }
    if phase == Phase::Paused && sandbox.reverted {
        return Err("is paused because its host was down, which it is not".to_owned());
    }
    // Pauses at the end of time are tried rarely when one has failed.
    let overdue = life.ends.is_some_and(|ends| ends + LATE < world.elapsed());
    if phase == Phase::Running && overdue && !history.is_astray() && sandbox.cause.is_none() {
        return Err(format!("runs on after its time, {:?}", life.ends));
    }
    Ok(())
}

fn owner(subject: &EventSubject, sandbox: &Sandbox) -> Option<Owner> {
    match &subject.aggregate {
        roost_schemas::subject::AggregateId::Sandbox(id) => Some(Owner {
            sandbox: id.clone(),
            generation: sandbox.generation(),
        }),
        _ => None,
    }
}

/// Who is to have a VM on `host`.
fn running_on(host: &HostId, history: &History) -> BTreeSet<Owner> {
    let runs = |sandbox: &Sandbox| {
        let here = sandbox.placed.as_ref().is_some_and(|placed| placed.host == *host);
        here && sandbox.phase == Phase::Running
    };
    let lives = history.lives().filter(|(_, life)| runs(&life.sandbox));
    lives
        .filter_map(|(subject, life)| owner(subject, &life.sandbox))
        .collect()
}

/// A machine has a VM that moves, with all that belongs to it, for each of `running`, and nothing else.
fn held(host: &HostId, inventory: &Inventory, running: &BTreeSet<Owner>) -> Result<(), Violation> {
    if let Some(owner) = inventory
        .holders()
        .into_iter()
        .find(|owner| !running.contains(*owner))
    {
        return broken(
            rule::CONVERGES,
            format!("{host} still holds something of {owner}"),
        );
    }
    for owner in running {
        let whole = inventory.slots.contains_key(owner)
            && inventory.drives.contains(owner)
            && inventory.doors.contains(owner);
        if inventory.engines.get(owner) != Some(&true) || !whole {
            return broken(
                rule::CONVERGES,
                format!("{owner} runs, and {host} has {inventory:?}"),
            );
        }
    }
    Ok(())
}

/// A program that ends by itself has ended, unless its sandbox stands still.
fn programs(diary: &Diary, history: &History) -> Result<(), Violation> {
    let short = |sending: &Sending| match &sending.command {
        Some(SandboxCommand::Exec(exec)) => exec.cmd != FOREVER,
        _ => false,
    };
    for sending in diary.find(short) {
        let subject = EventSubject::sandbox(sending.subject.tenant.clone(), sending.subject.sandbox.clone());
        let Some(life) = history
            .life(&subject)
            .filter(|life| life.sandbox.phase == Phase::Running)
        else {
            continue;
        };
        let process = ProcessId::from_command(&sending.subject.sandbox, &sending.message.command_id);
        if life.sandbox.processes.contains_key(&process) {
            let detail = format!(
                "{subject}: program {process} has not ended, {:?}",
                sending.command
            );
            return broken(rule::CONVERGES, detail);
        }
    }
    Ok(())
}

/// Whoever has asked again and again was answered in the end.
fn answered(diary: &Diary) -> Result<(), Violation> {
    let is_final = |outcome: &Outcome| !matches!(outcome, Outcome::Waiting | Outcome::Unknown);
    for sending in diary.find(|sending| !is_final(&sending.outcome) && sending.subject.route == Route::Any) {
        let id = &sending.message.command_id;
        let again = diary.find(|other| other.message.command_id == *id && is_final(&other.outcome));
        if again.is_empty() {
            let detail = format!(
                "{id} was never answered: {:?} to {}",
                sending.command, sending.subject
            );
            return broken(rule::CONVERGES, detail);
        }
    }
    Ok(())
}
