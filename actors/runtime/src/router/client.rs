//! Commands of a tenant's own clients, of which nothing is believed but whose they are: nats-server vouches for that.

use roost_domain::Rejection;
use roost_journal::port::{Delivery, Message};
use roost_schemas::TenantId;
use roost_schemas::command::{Create, Kill, Pause, SandboxCommand};
use roost_schemas::event::{PauseReason, StopReason};
use roost_schemas::subject::Route;

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
