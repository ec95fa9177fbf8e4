//! `SetNetwork`: change what a running sandbox may reach and who may reach it.

use roost_schemas::command::SetNetwork;
use roost_schemas::event::{NetworkSet, SandboxEvent};
use roost_schemas::network::{MAX_RULES, NetworkPolicy};

use super::{Phase, Sandbox};
use crate::Rejection;

/// Bytes a masked host may have, as a name in DNS.
const MAX_HOST: usize = 253;

pub(super) fn decide(sandbox: &Sandbox, set: &SetNetwork) -> Result<Vec<SandboxEvent>, Rejection> {
    check(&set.policy)?;
    if sandbox.phase != Phase::Running {
        return Err(sandbox.refuse("network", "running"));
    }
    if set.policy == sandbox.network {
        return Ok(Vec::new());
    }
    Ok(vec![SandboxEvent::NetworkSet(NetworkSet {
        policy: set.policy.clone(),
    })])
}

/// Refuses a policy that no slot could carry out.
pub(super) fn check(policy: &NetworkPolicy) -> Result<(), Rejection> {
    for (field, rules) in [
        ("network.allow", policy.allow.len()),
        ("network.deny", policy.deny.len()),
    ] {
        if rules > MAX_RULES {
            return Err(Rejection::invalid(
                field,
                rules,
                format!("at most {MAX_RULES} entries"),
            ));
        }
    }
    if let Some(name) = policy.names().next()
        && policy.internet
        && policy.deny.is_empty()
    {
        return Err(Rejection::invalid(
            "network.allow",
            name.to_string(),
            "something denied beside it, such as 0.0.0.0/0, or no internet: names are excepted from what is denied, and nothing is",
        ));
    }
    match &policy.mask_host {
        Some(host)
            if host.is_empty() || host.len() > MAX_HOST || !host.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Err(Rejection::invalid(
                "network.mask_host",
                host,
                "a host name, with ${PORT} for the port",
            ))
        }
        _ => Ok(()),
    }
}
