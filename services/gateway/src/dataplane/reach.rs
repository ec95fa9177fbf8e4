//! The way to a sandbox's guest, and who may take it.
//!
//! Before a sandbox is told as gone, the log's end is reached once (see [`crate::catch_up`]).

use axum::http::HeaderMap;
use axum::http::uri::{Authority, Uri};
use roost_schemas::network::NetworkPolicy;
use subtle::ConstantTimeEq;

use super::Plane;
use super::address::Target;
use super::answer::{Refusal, Wrong};
use crate::door::Shut;
use crate::state::Gateway;

/// What a client shows for ports that are not public.
pub(super) const TRAFFIC: &str = "e2b-traffic-access-token";

/// The way to a guest.
#[derive(Debug)]
pub(super) struct Way {
    /// Where its host's edge is.
    pub(super) edge: Authority,
    /// What is shown there.
    pub(super) headers: [(&'static str, String); 3],
    /// Who may come, and what its servers are shown.
    pub(super) policy: NetworkPolicy,
}

/// What a request finds at a sandbox that may answer it.
#[derive(Debug)]
pub(super) enum Found {
    /// It runs.
    Way(Box<Way>),
    /// It is paused, and a request may resume it.
    Asleep,
}

/// Lets a request pass if the sandbox's ports are public, or its token is shown. The agent's port has a token of its own,
/// which the agent checks.
pub(super) fn admit(
    policy: &NetworkPolicy,
    headers: &HeaderMap,
    target: &Target,
    gateway: &Gateway,
) -> Result<(), Refusal> {
    if policy.public || target.is_agent() {
        return Ok(());
    }
    let Some(given) = headers.get(TRAFFIC) else {
        return Err(Refusal::Traffic(target.clone(), None));
    };
    let wanted = gateway.tokens().traffic(&target.sandbox);
    if bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
        return Ok(());
    }
    Err(Refusal::Traffic(target.clone(), Some(Wrong)))
}

impl Plane {
    /// The gateway as the sandbox's owner sees it, as far as that is known: nobody shows a key here.
    pub(super) fn owned(&self, target: &Target) -> Gateway {
        self.gateway.owned(&target.sandbox)
    }

    /// What there is, as far as is known here.
    pub(super) async fn find(&self, target: &Target) -> Result<Found, Refusal> {
        match self.look(target) {
            Ok(way) => Ok(Found::Way(Box::new(way))),
            // An end is final, however old the news of it.
            Err(Shut::NotRunning(phase)) if phase.is_end() => Err(Refusal::NotFound(target.clone())),
            Err(_) => self.caught_up(target).await,
        }
    }

    /// The same, by what the log has now.
    pub(super) async fn caught_up(&self, target: &Target) -> Result<Found, Refusal> {
        if let Err(error) = self.gateway.catch_up().reach(&self.gateway).await {
            tracing::warn!(%error, sandbox = %target.sandbox, "cannot tell whether it runs");
            return Err(Refusal::Away(target.clone()));
        }
        match self.look(target) {
            Ok(way) => Ok(Found::Way(Box::new(way))),
            Err(Shut::NotRunning(_)) if self.owned(target).sleeps(&target.sandbox) => Ok(Found::Asleep),
            Err(Shut::NoSandbox | Shut::NotRunning(_)) => Err(Refusal::NotFound(target.clone())),
            Err(Shut::NoEdge) => Err(Refusal::Away(target.clone())),
        }
    }

    /// The way to a guest that runs.
    pub(super) fn look(&self, target: &Target) -> Result<Way, Shut> {
        let door = self.owned(target).door(&target.sandbox, target.port)?;
        let edge = door
            .base
            .parse::<Uri>()
            .ok()
            .and_then(|base| base.authority().cloned());
        Ok(Way {
            edge: edge.ok_or(Shut::NoEdge)?,
            headers: door.headers,
            policy: self.policy(target).ok_or(Shut::NoSandbox)?,
        })
    }

    /// Who may come to a sandbox, whether it runs or not.
    pub(super) fn policy(&self, target: &Target) -> Option<NetworkPolicy> {
        self.gateway.fleet().read(|fleet| {
            let owner = fleet.owner(&target.sandbox)?;
            let sandbox = fleet.sandbox(owner, &target.sandbox)?;
            Some(sandbox.state.network.clone())
        })
    }
}
