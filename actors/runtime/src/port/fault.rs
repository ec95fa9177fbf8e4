//! What went wrong in a step: our fault or the machine's, never the caller's.

use std::error::Error;

use roost_schemas::SnapshotId;
use roost_schemas::event::Cause;

/// Characters of a fault's detail that an event keeps.
const MAX_DETAIL: usize = 2000;

/// A step that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{step}: {detail}")]
pub struct Fault {
    /// The step, in words such as `claim a slot`.
    pub step: &'static str,
    /// What was wrong, which value, what to do.
    pub detail: String,
    /// Whether what was waited for did not answer in time, rather than refuse.
    pub timed_out: bool,
    /// The snapshot that cannot be used, if that is what is wrong: trying again is of no use.
    pub unusable: Option<SnapshotId>,
}

impl Fault {
    /// A refusal.
    pub fn new(step: &'static str, detail: impl std::fmt::Display) -> Self {
        Self {
            step,
            detail: detail.to_string(),
            timed_out: false,
            unusable: None,
        }
    }

    /// A snapshot that is damaged, incomplete, or made for another machine.
    pub fn unusable(step: &'static str, snapshot: &SnapshotId, detail: impl std::fmt::Display) -> Self {
        Self {
            unusable: Some(snapshot.clone()),
            ..Self::new(step, detail)
        }
    }

    /// A refusal, with all that led to it.
    pub fn of(step: &'static str, error: &dyn Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let mut detail = error.to_string();
        for cause in causes {
            let cause = cause.to_string();
            // Some errors already quote their source.
            if !detail.contains(&cause) {
                detail.push_str(": ");
                detail.push_str(&cause);
            }
        }
        Self::new(step, detail)
    }

    /// A silence.
    pub fn timed_out(step: &'static str, detail: impl std::fmt::Display) -> Self {
        Self {
            step,
            detail: detail.to_string(),
            timed_out: true,
            unusable: None,
        }
    }
}

impl From<Fault> for Cause {
    fn from(mut fault: Fault) -> Self {
        // It goes into the log for good, and may quote a guest.
        if let Some((cut, _)) = fault.detail.char_indices().nth(MAX_DETAIL) {
            fault.detail.truncate(cut);
        }
        if let Some(snapshot) = fault.unusable {
            return Self::SnapshotUnusable {
                snapshot,
                detail: fault.detail,
            };
        }
        if fault.timed_out {
            return Self::Unresponsive {
                detail: fault.to_string(),
            };
        }
        Self::StepFailed {
            step: fault.step.to_owned(),
            detail: fault.detail,
        }
    }
}
