//! The machine as one life of a host sees it: every step is written down, and held or made to panic where a test says.

mod engines;
mod guests;
mod places;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use roost_runtime::memory::Machine;
use tokio::sync::watch;

/// Whether a process lives. What a dead one has begun stands still for ever, as after `kill -9`.
#[derive(Clone)]
pub(crate) struct Pulse(Arc<watch::Sender<bool>>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(false);
    }

    pub(crate) async fn check(&self) {
        if !*self.0.borrow() {
            std::future::pending::<()>().await;
        }
    }
}

/// What a test tells the stage and what it learns from it, over all lives of the host.
#[derive(Default)]
pub(crate) struct Script {
    calls: Mutex<Vec<String>>,
    panics: Mutex<BTreeMap<&'static str, u32>>,
    held: watch::Sender<BTreeSet<&'static str>>,
}

impl Script {
    /// Lets takings of `step` wait until it is released.
    pub(crate) fn hold(&self, step: &'static str) {
        self.held.send_modify(|held| _ = held.insert(step));
    }

    pub(crate) fn release(&self, step: &'static str) {
        self.held.send_modify(|held| _ = held.remove(step));
    }

    /// Lets the next `times` takings of `step` panic.
    pub(crate) fn panic(&self, step: &'static str, times: u32) {
        self.panics.lock().unwrap().insert(step, times);
    }

    /// The steps that were taken, in order.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        self.calls.lock().unwrap()
    }

    /// How often `step` was taken.
    pub(crate) fn count(&self, step: &str) -> usize {
        self.calls().iter().filter(|call| *call == step).count()
    }

    async fn pass(&self, step: &'static str) {
        self.calls().push(step.to_owned());
        self.play(step).await;
    }

    /// Panics, or waits, if `step` is to.
    pub(crate) async fn play(&self, step: &'static str) {
        let panics = {
            let mut panics = self.panics.lock().unwrap();
            let left = panics.entry(step).or_default();
            let panics = *left > 0;
            *left = left.saturating_sub(1);
            panics
        };
        assert!(!panics, "{step} was told to panic");
        let mut held = self.held.subscribe();
        // The sender lives in `self`, so the wait ends only with the release.
        let _ = held.wait_for(|held| !held.contains(step)).await;
    }
}

/// One life's hands on the machine.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    pub(crate) script: Arc<Script>,
    pub(crate) pulse: Pulse,
}

impl Stage {
    pub(super) async fn pass(&self, step: &'static str) {
        self.pulse.check().await;
        self.script.pass(step).await;
        self.pulse.check().await;
    }
}
