//! What must hold, whoever died: one file for each kind of witness.

pub(super) mod acknowledged;
pub(super) mod gateway;
pub(super) mod life;
pub(super) mod machine;
pub(super) mod told;

use std::collections::BTreeSet;

use roost_schemas::{Generation, Owner, Timestamp};

use super::history::History;
use super::notebook::{Broken, Invariant, Notebook};
use life::{Life, Phase};

/// Everything that the log and the notebook tell together.
pub(super) fn of_log(history: &History, notebook: &Notebook) {
    ids_are_used_once(history, notebook);
    who_is_given_up_runs_nothing(history, notebook);
    for sandbox in history.sandboxes() {
        let mut life = Life::default();
        for entry in history.of(sandbox) {
            for event in &entry.events {
                if let Err(broken) = life.step(event, entry.stored_at) {
                    let seen = format!("{sandbox} at {}: {}", entry.sequence, broken.seen);
                    notebook.broken(broken.invariant, Some(sandbox), seen);
                }
            }
        }
        let owner = |generation| Owner {
            sandbox: sandbox.clone(),
            generation,
        };
        nobody_is_lost_unasked(&life, &owner, history, notebook);
        if !life.phase.is_end() {
            let seen = format!("{sandbox} is {} after everything was ended", life.phase.word());
            notebook.broken(Invariant::Converges, Some(sandbox), seen);
        }
        let mut pages = notebook.open();
        let missed: Vec<_> = pages
            .missed
            .iter()
            .filter(|(of, _)| of == sandbox && !life.reverted)
            .map(|(_, line)| format!("{line} was acknowledged, but is not in the book of {sandbox}"))
            .collect();
        for seen in missed {
            pages.broken.insert(Broken {
                invariant: Invariant::Acknowledged,
                sandbox: Some(sandbox.clone()),
                seen,
            });
        }
    }
    acknowledged::check(history, notebook);
}

fn ids_are_used_once(history: &History, notebook: &Notebook) {
    let mut seen = BTreeSet::new();
    for entry in &history.entries {
        if !seen.insert(&entry.command_id) {
            let seen = format!(
                "command {} has a second commit at {}",
                entry.command_id, entry.sequence
            );
            notebook.broken(Invariant::Once, None, seen);
        }
    }
}

/// From when its host is given up until it is back, no VM of it runs.
fn who_is_given_up_runs_nothing(history: &History, notebook: &Notebook) {
    let ran_at = notebook.open().ran_at.clone();
    for (from, until) in &history.down {
        let while_down = |at: Timestamp| at > *from && until.is_none_or(|until| at < until);
        if let Some((at, sandbox)) = ran_at.iter().find(|(at, _)| while_down(*at)) {
            let seen = format!(
                "the host was given up at {}, but {sandbox} ran at {}",
                from.0, at.0
            );
            notebook.broken(Invariant::Machine, Some(sandbox), seen);
        }
    }
}

/// A sandbox may end unasked only if its own VM was met by a fault, or its host was given up.
fn nobody_is_lost_unasked(
    life: &Life,
    owner: &impl Fn(Generation) -> Owner,
    history: &History,
    notebook: &Notebook,
) {
    let Some((cause, host_down)) = &life.unasked else {
        return;
    };
    let pages = notebook.open();
    let is_victim = pages.victims.contains(&owner(life.generation));
    let was_given_up = *host_down && !history.down.is_empty() && pages.host_was_silent;
    drop(pages);
    if matches!(life.phase, Phase::Lost | Phase::Failed) && !is_victim && !was_given_up {
        let owner = owner(life.generation);
        let seen = format!("{owner} is {}: {cause}", life.phase.word());
        notebook.broken(Invariant::Kept, Some(&owner.sandbox), seen);
    }
}
