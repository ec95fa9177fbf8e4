//! Commands of a tenant's own clients, of which nothing is believed but whose they are: nats-server vouches for that.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::Rejection;
use roost_domain::rate::Rates;
use roost_journal::port::{Delivery, Message};
use roost_schemas::command::{Create, Kill, Pause, SandboxCommand};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::reply::Reply;
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, SandboxId, TenantId};
use tracing::Instrument;

use super::{HOP, Router};
use crate::{intake, observe};

impl Router {
    /// Refuses what a tenant's clients send beyond their requests in a second. What counts is when they sent it: a router that was away
    /// finds at once what had its time. What is delivered again was counted when it first came.
    pub(super) fn pace(&self, rates: &mut Rates, delivery: &Delivery) -> Result<(), Rejection> {
        let CommandSubject { tenant, route, .. } = &delivery.subject;
        if *route != Route::Client || delivery.again {
            return Ok(());
        }
        match self.fleet.read(|fleet| fleet.requests_per_sec(tenant)) {
            Some(limit) => rates.admit(tenant, limit, Duration::from_millis(delivery.queued_at.0)),
            None => Ok(()),
        }
    }

    /// Refuses a command beside those that are routed: a flood costs the others no more than a look at each. The queue hands
    /// out so many at a time, so no more are under way.
    pub(super) fn turn_away(&self, delivery: Delivery, too_fast: Rejection) {
        observe::turned_away(HOP);
        let queue = Arc::clone(&self.queue);
        let refused = async move {
            let reply = Reply::Rejected(too_fast.into());
            if let Err(error) = intake::conclude(&*queue, delivery, &reply).await {
                tracing::warn!(%error, "what was turned away will come again");
            }
        };
        tokio::spawn(refused.in_current_span());
    }
}

/// Lets `command` pass as its tenant's, whatever it came as, or refuses what only Roost itself asks for.
pub(super) fn admit(delivery: &mut Delivery, command: SandboxCommand) -> Result<SandboxCommand, Rejection> {
    if delivery.subject.route != Route::Client {
        return Ok(command);
    }
    let Message {
        command_id,
        principal,
        ..
    } = &mut delivery.message;
    let tenant = &delivery.subject.tenant;
    *principal = format!("tenant:{tenant}");
    if *tenant == TenantId::system() {
        return Err(Rejection::Forbidden("commanding what is everybody's"));
    }
    if command_id.is_reserved() {
        return Err(Rejection::ReservedId(command_id.clone()));
    }
    match &command {
        SandboxCommand::Start(_)
        | SandboxCommand::Create(Create {
            placement: Some(_), ..
        }) => Err(Rejection::Forbidden("choosing a host")),
        SandboxCommand::Create(_) => {
            check_id(tenant, &delivery.subject.sandbox, command_id).map(|()| command)
        }
        SandboxCommand::HostDown(_) => Err(Rejection::Forbidden("telling that a host is down")),
        SandboxCommand::Tenant(_) => Err(Rejection::Forbidden("changing a tenant")),
        SandboxCommand::Kill(Kill { due: Some(_), .. })
        | SandboxCommand::Pause(Pause { due: Some(_), .. }) => {
            Err(Rejection::Forbidden("telling that a time is over"))
        }
        SandboxCommand::Kill(Kill { reason, .. }) if *reason != StopReason::default() => {
            Err(Rejection::Forbidden("a reason for ending"))
        }
        SandboxCommand::Pause(Pause { reason, .. }) if *reason != PauseReason::default() => {
            Err(Rejection::Forbidden("a reason for pausing"))
        }
        _ => Ok(command),
    }
}

/// Ids of the form that commands' own ids lead to cannot be chosen, so that nobody takes the one that another tenant's command
/// is to lead to, or finds out by trying whether it has.
fn check_id(tenant: &TenantId, sandbox: &SandboxId, command: &CommandId) -> Result<(), Rejection> {
    if !sandbox.is_derived() || *sandbox == SandboxId::from_command(tenant, command) {
        return Ok(());
    }
    Err(Rejection::DerivedId(sandbox.clone()))
}
