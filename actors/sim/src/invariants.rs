//! What must be so in every world: after every step, and when it has come to rest.
//!
//! ```text
//!   records ─▶ History ──┬─▶ rules of the log itself
//!   Diary ───────────────┼─▶ what was answered stands there
//!   machines, leases ────┼─▶ what is held is owned, and moves only where it may
//!   fleets ──────────────┴─▶ what was folded is the same everywhere
//! ```

mod answers;
mod history;
mod life;
mod machines;
mod output;
mod projections;
mod rest;

use roost_schemas::Sequence;

use crate::record::Diary;
use crate::world::{Checker, Violation, World};
use answers::Answers;
use history::History;
use machines::Machines;
use projections::Projections;

/// The rules' names.
pub mod rule {
    /// Every message of the log is a commit that can be read, under its own command's id.
    pub const READABLE: &str = "the log is readable";
    /// A command id has at most one commit on a subject.
    pub const ONE_COMMIT: &str = "one commit per command";
    /// Every placement raises the generation by one, and what is told of a placement is told of the current one.
    pub const GENERATION: &str = "events are of the current generation";
    /// What happens to a sandbox follows its diagram, and nothing follows its end.
    pub const LIFE: &str = "events follow the diagram";
    /// What was accepted stands in the log, where its answer says, and with that state.
    pub const ACKNOWLEDGED: &str = "acknowledged is in the log";
    /// What was rejected, and not sent again, does not stand in the log.
    pub const REJECTED: &str = "rejected leaves no trace";
    /// What came after its deadline does not stand in the log.
    pub const DEADLINE: &str = "nothing is run after its deadline";
    /// Nobody is given more sandboxes than its tenant may have.
    pub const LIMITS: &str = "limits are kept";
    /// Nobody's time is over before it is over, as long as nobody sets a clock.
    pub const EARLY: &str = "no time ends early";
    /// A machine holds only what the log says its host set out to.
    pub const AFTER_COMMIT: &str = "a host acts after the commit";
    /// A slot, and a generation, have one owner.
    pub const ONE_OWNER: &str = "one owner";
    /// Of one sandbox at most one VM moves, over all hosts.
    pub const ONE_VM: &str = "one VM moves";
    /// Nothing moves on a host that was given up.
    pub const GIVEN_UP: &str = "what was given up stands still";
    /// Nobody ends a VM that is in use.
    pub const KEPT: &str = "a VM in use is kept";
    /// A program is run once, however often that is asked for.
    pub const RUN_ONCE: &str = "a program is run once";
    /// What stands in `OUTPUT` is what programs wrote.
    pub const OUTPUT: &str = "output is what was written";
    /// What the log says is sealed is in its host's store.
    pub const SEALED: &str = "sealed before told";
    /// All who have folded the log as far have folded the same.
    pub const EQUAL: &str = "projections are equal";
    /// When faults stop, everything comes to rest.
    pub const CONVERGES: &str = "everything converges";
}

/// The checker of one world.
pub struct Invariants {
    diary: Diary,
    history: History,
    answers: Answers,
    machines: Machines,
    projections: Projections,
}

impl Invariants {
    /// For the world whose clients write `diary`.
    pub fn new(diary: Diary) -> Self {
        Self {
            diary,
            history: History::default(),
            answers: Answers::default(),
            machines: Machines::default(),
            projections: Projections::default(),
        }
    }

    fn look(&mut self, world: &World) -> Result<(), Violation> {
        if !world.clocks_agree() {
            self.history.go_astray();
        }
        for record in world.records(self.history.head()) {
            self.history.take(&record, world.elapsed())?;
            self.projections.keep(record.sequence, self.history.fleet());
        }
        self.answers.check(&self.diary, &self.history)?;
        self.machines.check(world, &self.history)?;
        self.projections.check(world)
    }
}

impl Checker for Invariants {
    fn after_step(&mut self, world: &World) -> Result<(), Violation> {
        self.look(world)
    }

    fn at_rest(&mut self, world: &World) -> Result<(), Violation> {
        self.look(world)?;
        output::check(world, &self.diary)?;
        rest::check(world, &self.diary, &self.history)
    }
}

/// A violation of `invariant`.
fn broken<T>(invariant: &'static str, detail: impl Into<String>) -> Result<T, Violation> {
    let detail = detail.into();
    Err(Violation { invariant, detail })
}

/// A violation at a place of the log.
fn broken_at<T>(
    invariant: &'static str,
    sequence: Sequence,
    detail: impl std::fmt::Display,
) -> Result<T, Violation> {
    broken(invariant, format!("commit {sequence}: {detail}"))
}
