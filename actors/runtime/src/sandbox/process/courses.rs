//! Where a sandbox's programs run now, told to each of their carriers.
//!
//! A channel for each, in the order of their ids: one channel would wake its receivers in random order, and the simulator
//! could not replay what they do.

use std::collections::BTreeMap;

use roost_schemas::{Generation, ProcessId};
use tokio::sync::watch;

/// Where a sandbox's programs run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Course {
    /// Nowhere: the sandbox is paused, or its VM not found yet.
    Held,
    /// In the VM of this placement.
    Runs(Generation),
    /// Nowhere any more. A VM that is destroyed closes no connection, so nobody else would say so.
    Over,
}

/// The same, for all carriers of a sandbox.
#[derive(Debug)]
pub(in crate::sandbox) struct Courses {
    now: Course,
    carriers: BTreeMap<ProcessId, watch::Sender<Course>>,
}

impl Courses {
    /// Of a sandbox that nobody has looked for yet.
    pub(in crate::sandbox) fn new() -> Self {
        Self {
            now: Course::Held,
            carriers: BTreeMap::new(),
        }
    }

    /// Where programs run.
    pub(super) fn now(&self) -> Course {
        self.now
    }

    /// What the carrier of `process` listens to.
    pub(super) fn of(&mut self, process: &ProcessId) -> watch::Receiver<Course> {
        self.carriers.retain(|_, carrier| !carrier.is_closed());
        let sender = watch::Sender::new(self.now);
        let course = sender.subscribe();
        self.carriers.insert(process.clone(), sender);
        course
    }

    /// Tells all carriers, if it is news.
    pub(in crate::sandbox) fn tell(&mut self, course: Course) {
        if std::mem::replace(&mut self.now, course) == course {
            return;
        }
        for carrier in self.carriers.values() {
            carrier.send_replace(course);
        }
    }
}
