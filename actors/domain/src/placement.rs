//! Placement: which host takes a new sandbox, a pure function of the fleet.

use roost_schemas::HostId;
use roost_schemas::command::Placement;
use roost_schemas::spec::{Resources, SandboxSpec};

use crate::Rejection;
use crate::fleet::Fleet;

/// vCPUs that may be promised per vCPU of a host: sandboxes are idle most of their lives. Memory is never overbooked.
const CPU_OVERCOMMIT: u32 = 4;

/// Fills in what `spec` leaves to its template and chooses the host with the most free memory; of several,
/// the one with the most free vCPUs, then the last by name.
pub fn place(fleet: &Fleet, spec: &SandboxSpec) -> Result<Placement, Rejection> {
    let resources = resolve(fleet, spec)?;
    crate::sandbox::check_resources(resources)?;
    let candidates = fleet
        .hosts()
        .filter_map(|(id, view)| Some((id, view.state.taking()?)));
    let room = candidates.clone().filter_map(|(id, host)| {
        let (used, count) = fleet.used(id);
        let vcpus = host
            .capacity
            .vcpus
            .saturating_mul(CPU_OVERCOMMIT)
            .checked_sub(used.vcpus.checked_add(resources.vcpus)?)?;
        let memory = host
            .capacity
            .memory_mb
            .checked_sub(used.memory_mb.checked_add(resources.memory_mb)?)?;
        (count < host.max_sandboxes).then_some((memory, vcpus, id))
    });
    match room.max() {
        Some((_, _, host)) => Ok(Placement {
            host: HostId::clone(host),
            resources,
        }),
        None => Err(Rejection::NoCapacity {
            vcpus: resources.vcpus,
            memory_mb: resources.memory_mb,
            hosts: candidates.count(),
        }),
    }
}

fn resolve(fleet: &Fleet, spec: &SandboxSpec) -> Result<Resources, Rejection> {
    let template = fleet
        .template(&spec.template)
        .and_then(|view| view.state.registered.as_ref());
    let template = template.ok_or_else(|| {
        let known: Vec<_> = fleet.templates().map(|(name, _)| name.as_str()).collect();
        let hint = if known.is_empty() {
            "; no host has registered any yet".into()
        } else {
            format!("; known are {}", known.join(", "))
        };
        Rejection::NotFound {
            what: "template",
            id: spec.template.to_string(),
            hint,
        }
    })?;
    Ok(Resources {
        vcpus: spec.vcpus.unwrap_or(template.defaults.vcpus),
        memory_mb: spec.memory_mb.unwrap_or(template.defaults.memory_mb),
    })
}
