//! What the parts of a world use of it: its processes, its calls, and who looks.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, MutexGuard, PoisonError};

use roost_journal::checkpoint::{Checkpoint, MemoryCheckpoint};
use roost_journal::memory::{Memory, Passage};
use roost_journal::projection::Projection;
use roost_runtime::fleet::{FleetHandle, FleetProjection};
use roost_runtime::port::Clock;

use super::turnstile::Drawn;
use super::{Checker, State, Violation, World};
use crate::faults::{self, Kind, Weather};
use crate::process::{self, Life};
use crate::trace::Trace;

impl World {
    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn weather(&self) -> MutexGuard<'_, Weather> {
        self.0.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All processes, alive or not.
    pub(crate) fn processes(&self) -> Vec<Arc<str>> {
        self.0.processes.keys().cloned().collect()
    }

    pub(crate) fn clients(&self) -> Vec<Arc<str>> {
        self.state().clients.keys().cloned().collect()
    }

    pub(crate) fn clock(&self, process: &Arc<str>) -> Arc<dyn Clock> {
        match self.0.processes.get(process) {
            Some(process) => Arc::clone(&process.clock) as _,
            None => Arc::clone(&self.0.server_clock) as _,
        }
    }

    pub(crate) fn set_clock(&self, process: &Arc<str>, by_ms: i64) {
        if let Some(process) = self.0.processes.get(process) {
            process.clock.jump(by_ms);
        }
    }

    pub(crate) fn checkpoint(&self, process: &Arc<str>) -> Arc<MemoryCheckpoint> {
        self.0
            .processes
            .get(process)
            .map(|process| Arc::clone(&process.checkpoint))
            .unwrap_or_default()
    }

    pub(crate) async fn forget_checkpoint(&self, process: &Arc<str>) {
        let checkpoint = self.checkpoint(process);
        // The one in memory does not fail.
        let _ = checkpoint.clear(FleetProjection::NAME).await;
    }

    /// A life begins.
    pub(crate) fn begin(&self, life: &Arc<Life>) {
        self.note(format!("{life} begins"));
        self.state()
            .lives
            .insert(Arc::clone(&life.process), Arc::clone(life));
    }

    /// Lets everybody look at the fleet of a life.
    pub(crate) fn show(&self, life: &Arc<Life>, fleet: FleetHandle) {
        if !life.is_dead() {
            self.state().fleets.insert(Arc::clone(&life.process), fleet);
        }
    }

    /// A life ends, if it has not yet.
    pub(crate) fn end(&self, life: &Arc<Life>) {
        if life.is_dead() {
            return;
        }
        self.note(format!("{life} ends"));
        life.end();
        self.0.turnstile.forget(life);
        let gone = {
            let mut state = self.state();
            state.lives.remove(&life.process);
            state.fleets.remove(&life.process)
        };
        // Outside the lock: the last handle wakes its fold.
        drop(gone);
    }

    /// Ends whatever life `process` has.
    pub(crate) fn kill(&self, process: &Arc<str>) {
        let life = self.state().lives.get(process).cloned();
        if let Some(life) = life {
            self.end(&life);
        }
    }

    pub(crate) async fn turn(
        &self,
        life: &Arc<Life>,
        kind: Kind,
        what: &'static str,
        about: String,
    ) -> Passage {
        self.0.turnstile.turn(life, kind, what, about).await
    }

    /// A call of `life` has had its effect.
    pub(crate) fn stepped(&self, life: &Arc<Life>) {
        self.trace_commits();
        self.check(|checker| checker.after_step(self));
        if life.is_doomed() {
            self.end(life);
        }
    }

    /// Lets `checker` look from now on.
    pub(crate) fn watched_by(&self, checker: Box<dyn Checker>) {
        *self.checker() = Some(checker);
    }

    /// Looks whether everything has come to rest as it should.
    pub(crate) fn check_at_rest(&self) {
        self.check(|checker| checker.at_rest(self));
    }

    /// A rule was broken; only the first one counts.
    pub(crate) fn broke(&self, violation: Violation) {
        self.state().violation.get_or_insert(violation);
        self.0.broken.notify_one();
    }

    /// Waits until a rule is broken.
    pub(crate) async fn broken(&self) {
        self.0.broken.notified().await;
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.state().violation.clone()
    }

    pub(crate) fn trace(&self) -> (Trace, u64) {
        let state = self.state();
        (state.trace.clone(), state.steps)
    }

    /// The storm is over.
    pub(crate) fn calm(&self) {
        self.note("the storm is over");
        self.weather().calm();
        self.0.turnstile.hurry();
    }

    /// Begins everything that goes on by itself.
    pub(crate) fn start(&self) {
        for (name, process) in &self.0.processes {
            let (name, kind) = (Arc::clone(name), process.kind.clone());
            tokio::spawn(process::supervise(self.clone(), name, kind));
        }
        tokio::spawn(faults::rage(self.clone()));
        let world = self.clone();
        tokio::spawn(async move {
            loop {
                world.0.turnstile.tick().await;
                world.step();
            }
        });
    }

    fn step(&self) {
        let drawn = self.0.turnstile.draw(&mut self.weather());
        match drawn {
            Drawn::Call(line) => {
                self.note(line);
                self.state().steps += 1;
            }
            Drawn::Death(life, call) => {
                self.note(format!("{call}: dies before it"));
                self.end(&life);
            }
            Drawn::Nothing => {}
        }
    }

    fn trace_commits(&self) {
        let after = self.state().traced;
        for record in self.records(after) {
            let mut hasher = DefaultHasher::new();
            record.payload.hash(&mut hasher);
            let hash = hasher.finish();
            self.note(format!(
                "  = {} {} {} {hash:016x}",
                record.sequence, record.subject, record.command_id
            ));
            self.state().traced = record.sequence;
        }
    }

    fn check(&self, look: impl FnOnce(&mut dyn Checker) -> Result<(), Violation>) {
        if self.state().violation.is_some() {
            return;
        }
        let looked = match self.checker().as_mut() {
            Some(checker) => look(&mut **checker),
            None => Ok(()),
        };
        if let Err(violation) = looked {
            self.broke(violation);
        }
    }

    fn checker(&self) -> MutexGuard<'_, Option<Box<dyn Checker>>> {
        self.0.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
