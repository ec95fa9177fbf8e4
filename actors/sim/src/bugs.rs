//! The bugs that a run can be given, and the rule that each of them breaks.

use roost_domain::bugs::Bug;

use crate::invariants::rule;

/// Why a run cannot have a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBug {
    /// There is none of that name.
    #[error("there is no bug {given:?}, only {}", Bug::ALL.map(Bug::name).join(", "))]
    Unknown {
        /// The name.
        given: String,
    },
    /// It is left out of this build.
    #[error("this simulator was built without bugs; build it with `--features bugs`")]
    NotBuilt,
}

/// The bug called `name`.
pub fn named(name: &str) -> Result<Bug, NoBug> {
    let found = Bug::ALL.into_iter().find(|bug| bug.name() == name);
    found.ok_or_else(|| NoBug::Unknown {
        given: name.to_owned(),
    })
}

/// The rule that is there for `bug`. It may break others first, in some worlds.
pub fn caught_by(bug: Bug) -> &'static str {
    match bug {
        Bug::SkipGenerationCheck => rule::GENERATION,
        Bug::ForgetDedupe => rule::ONE_COMMIT,
        Bug::ActBeforeCommit => rule::AFTER_COMMIT,
    }
}

/// Lets everything on this thread have `bug`, or none.
#[cfg(feature = "bugs")]
pub fn choose(bug: Option<Bug>) -> Result<(), NoBug> {
    roost_domain::bugs::choose(bug);
    Ok(())
}

/// Lets everything on this thread have no bug.
#[cfg(not(feature = "bugs"))]
pub fn choose(bug: Option<Bug>) -> Result<(), NoBug> {
    match bug {
        Some(_) => Err(NoBug::NotBuilt),
        None => Ok(()),
    }
}
