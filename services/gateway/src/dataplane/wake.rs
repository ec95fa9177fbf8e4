//! Requests for sandboxes that are paused and may be resumed by one.
//!
//! A resume costs more than an answer, so whoever could not use what runs there does not wake it either: ports that are
//! not public take the traffic token, and the agent's port the access token, or a URL signed with it.

use axum::extract::Request;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;
use subtle::ConstantTimeEq;

use super::Plane;
use super::address::Target;
use super::answer::Refusal;
use super::reach::{Way, admit};
use super::signed::Claim;
use crate::error::Code;

impl Plane {
    /// Has the sandbox run again, and finds the way to its guest.
    pub(super) async fn wake(&self, target: &Target) -> Result<Way, Refusal> {
        let patience = self.gateway.limits().resume;
        let owned = self.owned(target);
        let woken = tokio::time::timeout(patience, owned.awake(&target.sandbox)).await;
        match woken {
            Ok(Ok(())) => self.look(target).map_err(|_| Refusal::Turning(target.clone())),
            Ok(Err(error)) => {
                tracing::warn!(%error, sandbox = %target.sandbox, "cannot be resumed for a request");
                Err(match error.code {
                    Code::NoCapacity => Refusal::NoRoom(target.clone()),
                    Code::Unavailable => Refusal::Away(target.clone()),
                    Code::DeadlineExceeded => Refusal::Turning(target.clone()),
                    _ => Refusal::NotFound(target.clone()),
                })
            }
            Err(_) => Err(Refusal::Turning(target.clone())),
        }
    }

    /// Lets a request pass that could use what runs there.
    pub(super) fn admit_to_wake(&self, request: &Request, target: &Target) -> Result<(), Refusal> {
        if !target.is_agent() {
            let policy = self.policy(target);
            let policy = policy.ok_or_else(|| Refusal::NotFound(target.clone()))?;
            return admit(&policy, request.headers(), target, &self.gateway);
        }
        let token = self.gateway.tokens().access(&target.sandbox);
        let given = request.headers().get(ACCESS_TOKEN_HEADER);
        let is_given = given.is_some_and(|given| given.as_bytes().ct_eq(token.as_bytes()).into());
        if is_given || Claim::of(request).is_some_and(|claim| claim.is_signed_with(&token)) {
            return Ok(());
        }
        Err(Refusal::Denied(target.clone()))
    }
}
