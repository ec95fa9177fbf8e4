//! Bugs that can be chosen at run time, so that the simulator can show that it finds them.
//!
//! Without the feature `bugs` none can be chosen, and asking for one costs nothing.

/// A bug that somebody could write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bug {
    /// What is meant for any placement of a sandbox is taken for the current one's.
    SkipGenerationCheck,
    /// A command that took effect is not recognised when it comes again.
    ForgetDedupe,
    /// A host takes the step that a decision calls for while the log is still being told of it.
    ActBeforeCommit,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 3] = [
        Self::SkipGenerationCheck,
        Self::ForgetDedupe,
        Self::ActBeforeCommit,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::SkipGenerationCheck => "skip-generation-check",
            Self::ForgetDedupe => "forget-dedupe",
            Self::ActBeforeCommit => "act-before-commit",
        }
    }
}

#[cfg(feature = "bugs")]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Lets this thread have `bug` and no other; or none.
#[cfg(feature = "bugs")]
pub fn choose(bug: Option<Bug>) {
    CHOSEN.set(bug);
}

/// Whether this thread has `bug`.
#[cfg(feature = "bugs")]
pub fn has(bug: Bug) -> bool {
    CHOSEN.get() == Some(bug)
}

/// Whether this thread has `bug`: never in a build that is to run.
#[cfg(not(feature = "bugs"))]
pub const fn has(_bug: Bug) -> bool {
    false
}
