//! Whatever the log has of sandboxes was told to the webhook, or is on record as a dead letter; in order, and signed.

use std::collections::{BTreeMap, BTreeSet};

use roost_schemas::{SandboxId, Sequence};

use crate::chaos::history::History;
use crate::chaos::notebook::{Invariant, Notebook};

/// What a target took.
#[derive(Debug, Clone)]
pub(in crate::chaos) struct Arrival {
    /// Of which sandbox, if it says so.
    pub(in crate::chaos) sandbox: Option<SandboxId>,
    /// Where the commit stands.
    pub(in crate::chaos) sequence: Sequence,
    /// Why it cannot be known to come from the webhook, if so.
    pub(in crate::chaos) unsigned: Option<String>,
}

/// Compares.
pub(in crate::chaos) fn check(history: &History, arrivals: &[Arrival], notebook: &Notebook) {
    for (sandbox, missing) in untold(history, arrivals) {
        let seen = format!("{sandbox}: {missing:?} neither arrived nor are put aside");
        notebook.broken(Invariant::Told, Some(&sandbox), seen);
    }
    let mut arrived = BTreeSet::new();
    for arrival in arrivals {
        let Arrival {
            sandbox,
            sequence,
            unsigned,
        } = arrival;
        let sandbox = sandbox.as_ref();
        if let Some(why) = unsigned {
            notebook.broken(Invariant::Told, sandbox, format!("{sequence}: {why}"));
        }
        let Some(own) = sandbox.filter(|own| history.of(own).any(|entry| entry.sequence == *sequence)) else {
            let seen = format!("{sequence} is told of {sandbox:?}, which has no such commit");
            notebook.broken(Invariant::Told, sandbox, seen);
            continue;
        };
        for before in due(history, own).filter(|before| before < sequence) {
            if !arrived.contains(&before) && !history.put_aside.contains(&before) {
                let seen = format!("{own}: {sequence} arrived before {before}");
                notebook.broken(Invariant::Told, Some(own), seen);
            }
        }
        arrived.insert(*sequence);
    }
}

/// What has neither arrived nor is on record, by sandbox.
pub(in crate::chaos) fn untold(
    history: &History,
    arrivals: &[Arrival],
) -> BTreeMap<SandboxId, Vec<Sequence>> {
    let arrived: BTreeSet<_> = arrivals.iter().map(|arrival| arrival.sequence).collect();
    let is_missing = |one: &Sequence| !arrived.contains(one) && !history.put_aside.contains(one);
    let of = |sandbox: &SandboxId| {
        let missing: Vec<_> = due(history, sandbox).filter(is_missing).collect();
        (!missing.is_empty()).then(|| (sandbox.clone(), missing))
    };
    history.sandboxes().filter_map(of).collect()
}

/// The commits of a sandbox that were to be told.
fn due(history: &History, sandbox: &SandboxId) -> impl Iterator<Item = Sequence> {
    let commits = history.of(sandbox).map(|entry| entry.sequence);
    let from = history.telling_from;
    commits.filter(move |sequence| from.is_some_and(|from| *sequence > from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::history::of_commits;
    use crate::chaos::invariants::life::tests::{requested, running};

    /// Commits at 1 and 3 of one sandbox, at 2 and 4 of another; all but the first are to be told.
    fn history() -> History {
        let mut history = of_commits(vec![
            ("sa", "k1", vec![requested()]),
            ("sb", "k2", vec![requested()]),
            ("sa", "k3", vec![running(1, 20_000)]),
            ("sb", "k4", vec![running(1, 20_000)]),
        ]);
        history.telling_from = Some(Sequence(1));
        history
    }

    fn broken(history: &History, arrivals: &[(&str, u64)]) -> usize {
        let arrival = |(sandbox, sequence): &(&str, u64)| Arrival {
            sandbox: SandboxId::new(*sandbox).ok(),
            sequence: Sequence(*sequence),
            unsigned: None,
        };
        let arrivals: Vec<_> = arrivals.iter().map(arrival).collect();
        let notebook = Notebook::default();
        check(history, &arrivals, &notebook);
        notebook.open().broken.len()
    }

    #[test]
    fn all_in_order_more_than_once_or_put_aside_is_as_promised() {
        let mut history = history();
        assert_eq!(broken(&history, &[("sb", 2), ("sa", 3), ("sb", 4)]), 0);
        assert_eq!(broken(&history, &[("sa", 3), ("sb", 2), ("sb", 4), ("sb", 2)]), 0);
        history.put_aside.insert(Sequence(2));
        assert_eq!(broken(&history, &[("sa", 3), ("sb", 4)]), 0);
    }

    #[test]
    fn what_is_missing_early_or_not_of_its_sandbox_is_not() {
        let history = history();
        assert_eq!(broken(&history, &[("sb", 2), ("sb", 4)]), 1);
        assert_eq!(broken(&history, &[("sb", 4), ("sb", 2), ("sa", 3)]), 1);
        assert_eq!(
            broken(&history, &[("sb", 2), ("sa", 3), ("sb", 4), ("sa", 4), ("sa", 9)]),
            2
        );
    }

    #[test]
    fn what_is_not_signed_is_no_proof() {
        let arrival = Arrival {
            sandbox: SandboxId::new("sa").ok(),
            sequence: Sequence(3),
            unsigned: Some("forged".to_owned()),
        };
        let notebook = Notebook::default();
        check(&history(), &[arrival], &notebook);
        let seen: Vec<_> = notebook
            .open()
            .broken
            .iter()
            .map(|one| one.seen.clone())
            .collect();
        assert!(seen.contains(&"3: forged".to_owned()), "{seen:?}");
    }
}
