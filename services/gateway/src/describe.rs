//! What became of a sandbox in words.

use roost_domain::sandbox::{Phase, Sandbox};
use roost_schemas::SandboxId;
use roost_schemas::event::{Cause, StopReason};

/// What went wrong, as a clause.
pub(crate) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::EngineExited { detail } => format!("its engine exited: {detail}"),
        Cause::Unresponsive { detail } => format!("it did not answer in time: {detail}"),
        Cause::StepFailed { step, detail } => format!("step {step:?} failed on its host: {detail}"),
        Cause::PagerDied { detail } => format!("its pager was gone, so it was ended: {detail}"),
        Cause::SnapshotUnusable { snapshot, detail } => {
            format!("snapshot {snapshot} cannot be used: {detail}")
        }
        Cause::HostRestarted => "its host restarted and found nothing of it".to_owned(),
        Cause::HostDown => "its host was silent for too long and was given up".to_owned(),
        Cause::ActorCrashed => "its actor on the host crashed too often".to_owned(),
    }
}

/// What to do about a sandbox that is paused.
pub(crate) fn way_back(id: &SandboxId) -> String {
    format!("POST /v1/sandboxes/{id}/resume lets it run again")
}

/// How a sandbox ended, or is ending, as a sentence.
pub(crate) fn end(id: &SandboxId, sandbox: &Sandbox) -> String {
    let state = sandbox.phase.as_str();
    let why = match (sandbox.phase, &sandbox.cause, sandbox.stop_reason) {
        (Phase::Lost | Phase::Failed, Some(why), _) => cause(why),
        (_, _, Some(StopReason::TimedOut)) => "its time was over".to_owned(),
        (_, _, Some(StopReason::Requested)) => "somebody asked for it".to_owned(),
        _ => return format!("sandbox {id} is {state}; create another"),
    };
    format!("sandbox {id} is {state}: {why}; create another")
}
