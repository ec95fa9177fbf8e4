//! `SetTimeout`: move the end of a running sandbox.

use std::time::Duration;

use roost_schemas::Timestamp;
use roost_schemas::command::SetTimeout;
use roost_schemas::event::{SandboxEvent, TimeoutSet};
use roost_schemas::spec::TIMEOUT_SEC;

use super::create::within;
use super::{Phase, Sandbox};
use crate::Rejection;

pub(super) fn decide(
    sandbox: &Sandbox,
    set: SetTimeout,
    at: Timestamp,
) -> Result<Vec<SandboxEvent>, Rejection> {
    within("timeout_sec", set.timeout_sec, TIMEOUT_SEC)?;
    if sandbox.phase != Phase::Running {
        return Err(sandbox.refuse("timeout", "running"));
    }
    let expires_at = at.plus(Duration::from_secs(set.timeout_sec.into()));
    if set.extend && sandbox.expires_at.is_some_and(|already| already >= expires_at) {
        return Ok(Vec::new());
    }
    Ok(vec![SandboxEvent::TimeoutSet(TimeoutSet { expires_at })])
}
