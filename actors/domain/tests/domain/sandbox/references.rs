//! What the log refers to is all that is ever needed: a store that keeps nothing else never misses anything.

use std::collections::BTreeSet;

use proptest::prelude::*;
use roost_domain::Decision;
use roost_domain::sandbox::{MAX_ASKED, MAX_SNAPSHOTS, Phase, Sandbox};
use roost_schemas::SnapshotId;
use roost_schemas::event::SandboxEvent;

use crate::support::commands::steps;
use crate::support::{History, snapshot_id};

/// A host's store and what it may be asked for at any time: the worst of hosts, which seals as early as it can and sweeps
/// after every commit.
struct Store {
    sealed: BTreeSet<SnapshotId>,
    /// What the VM, if there is one, reads its pages from.
    under_vm: Option<SnapshotId>,
}

impl Store {
    /// Of a template's snapshot, which may be what the sandbox is created from.
    fn new() -> Self {
        Self {
            sealed: [snapshot_id("base")].into(),
            under_vm: None,
        }
    }

    fn follow(&mut self, event: &SandboxEvent) {
        match event {
            SandboxEvent::Pausing(pausing) => drop(self.sealed.insert(pausing.snapshot.clone())),
            SandboxEvent::SnapshotAsked(asked) => drop(self.sealed.insert(asked.snapshot.clone())),
            SandboxEvent::SnapshotCompacted(compacted) => {
                self.sealed.insert(compacted.snapshot.id.clone());
            }
            SandboxEvent::Starting(_) => drop(self.sealed.insert(snapshot_id("boot"))),
            SandboxEvent::Running(running) => {
                self.needs(running.restored_from.as_ref());
                self.under_vm.clone_from(&running.restored_from);
            }
            SandboxEvent::TemplateSaved(saved) => self.needs(Some(&saved.snapshot)),
            SandboxEvent::Paused(paused) => {
                self.needs(Some(&paused.snapshot.id));
                self.under_vm = None;
            }
            // Its host destroys the VM when it is back; nobody misses its pages.
            SandboxEvent::Reverted(reverted) => {
                self.needs(Some(&reverted.snapshot.id));
                self.under_vm = None;
            }
            SandboxEvent::Stopped | SandboxEvent::Lost(_) | SandboxEvent::Failed(_) => self.under_vm = None,
            _ => {}
        }
    }

    fn sweep(&mut self, sandbox: &Sandbox) {
        // Until it runs, a host keeps what it has booted for it.
        if !sandbox.phase.is_end() && sandbox.phase != Phase::Starting {
            let referenced: BTreeSet<_> = sandbox.references().collect();
            self.sealed.retain(|id| referenced.contains(id));
        }
    }

    fn needs(&self, id: Option<&SnapshotId>) {
        assert!(
            id.is_none_or(|id| self.sealed.contains(id)),
            "{id:?} is gone: {:?}",
            self.sealed
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_needed_is_referred_to(steps in steps()) {
        let mut store = Store::new();
        History::watched(&steps, |_, _, answer, after| {
            let sandbox = &after.state;
            if let Ok(Decision::Commit(commit)) = answer {
                for event in &commit.events {
                    store.follow(event);
                }
                store.sweep(sandbox);
            }
            if sandbox.phase.is_end() {
                return;
            }
            store.needs(store.under_vm.as_ref());
            // A start or a resume restores it, now or later.
            if matches!(sandbox.phase, Phase::Placed | Phase::Starting | Phase::Paused | Phase::Resuming) {
                store.needs(sandbox.base.as_ref().map(|base| &base.id));
            }
            // A fork may come of each.
            for snapshot in &sandbox.snapshots {
                store.needs(Some(&snapshot.id));
            }
        });
    }

    #[test]
    fn what_is_kept_is_bounded(steps in steps()) {
        History::watched(&steps, |_, _, _, after| {
            let sandbox = &after.state;
            assert!(sandbox.snapshots.len() <= MAX_SNAPSHOTS);
            assert!(sandbox.asked.len() <= MAX_ASKED);
            let ids: BTreeSet<_> = sandbox.snapshots.iter().map(|snapshot| &snapshot.id).collect();
            assert_eq!(ids.len(), sandbox.snapshots.len(), "each once");
            for (before, now) in &sandbox.compacted {
                assert!(ids.contains(now) && !ids.contains(before));
            }
            let referenced: BTreeSet<_> = sandbox.references().collect();
            assert!(referenced.len() <= MAX_SNAPSHOTS + MAX_ASKED + 3);
        });
    }
}
