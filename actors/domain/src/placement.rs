//! Placement: which host takes a new sandbox, a pure function of the fleet.

use roost_schemas::command::{Fork, Placement};
use roost_schemas::snapshot::Snapshot;
use roost_schemas::spec::{Resources, SandboxSpec};
use roost_schemas::{HostId, TenantId};

use crate::Rejection;
use crate::fleet::Fleet;
use crate::sandbox::Sandbox;

/// vCPUs that may be promised per vCPU of a host: sandboxes are idle most of their lives. Memory is never overbooked.
const CPU_OVERCOMMIT: u32 = 4;

/// Fills in what `spec` leaves to its template and chooses the host: the one that has the template's snapshot, or, for an
/// image, the one with the most free memory; of several, the one with the most free vCPUs, then the last by name.
pub fn place(fleet: &Fleet, tenant: &TenantId, spec: &SandboxSpec) -> Result<Placement, Rejection> {
    let (resources, from) = resolve(fleet, tenant, spec)?;
    crate::sandbox::check_resources(resources)?;
    let only = from.as_ref().map(|snapshot: &Snapshot| &snapshot.host);
    Ok(Placement {
        host: choose(fleet, resources, only)?,
        resources,
        from,
    })
}

/// Places a branch of `source`, which is the sandbox that `fork` names: it stands where the snapshot does, and has the
/// source's template and resources.
pub fn branch(
    fleet: &Fleet,
    spec: &SandboxSpec,
    fork: &Fork,
    source: &Sandbox,
) -> Result<Placement, Rejection> {
    let found = source.snapshot(&fork.snapshot).filter(|_| !source.phase.is_end());
    let (Some(snapshot), Some(requested)) = (found, &source.requested) else {
        return Err(Rejection::NotFound {
            what: "snapshot",
            id: fork.snapshot.to_string(),
            hint: format!("; sandbox {} has ended, or has newer ones", fork.sandbox),
        });
    };
    let template = &requested.spec.template;
    if spec.template != *template {
        let rule = format!("a fork has its source's template, {template}");
        return Err(Rejection::invalid("template", spec.template.as_str(), rule));
    }
    locked(spec, requested.resources)?;
    Ok(Placement {
        host: choose(fleet, requested.resources, Some(&snapshot.host))?,
        resources: requested.resources,
        from: Some(snapshot.clone()),
    })
}

/// Whether the host of a paused sandbox has room for it to run again.
pub fn has_room(fleet: &Fleet, sandbox: &Sandbox) -> Result<(), Rejection> {
    match (&sandbox.requested, &sandbox.base) {
        (Some(requested), Some(base)) => choose(fleet, requested.resources, Some(&base.host)).map(drop),
        _ => Ok(()),
    }
}

fn choose(fleet: &Fleet, resources: Resources, only: Option<&HostId>) -> Result<HostId, Rejection> {
    let candidates = fleet
        .hosts()
        .filter(|(id, _)| only.is_none_or(|only| only == *id) && fleet.unreadable_host(id).is_none())
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
        Some((_, _, host)) => Ok(HostId::clone(host)),
        None => Err(Rejection::NoCapacity {
            vcpus: resources.vcpus,
            memory_mb: resources.memory_mb,
            hosts: candidates.count(),
        }),
    }
}

fn resolve(
    fleet: &Fleet,
    tenant: &TenantId,
    spec: &SandboxSpec,
) -> Result<(Resources, Option<Snapshot>), Rejection> {
    let template = fleet.template(tenant, &spec.template).map(|view| &view.state);
    let template = template.ok_or_else(|| {
        let known: Vec<_> = fleet.templates(tenant).map(|(name, _)| name.as_str()).collect();
        let of = |tenant: &TenantId| fleet.unreadable_template(tenant, &spec.template);
        let hint = if let Some(unreadable) = of(&TenantId::system()).or_else(|| of(tenant)) {
            format!(": {unreadable}")
        } else if known.is_empty() {
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
    if let Some(saved) = &template.saved {
        locked(spec, saved.resources)?;
        return Ok((saved.resources, Some(saved.snapshot.clone())));
    }
    let defaults = template.registered.as_ref().map(|registered| registered.defaults);
    let resources = Resources {
        vcpus: spec
            .vcpus
            .or(defaults.map(|defaults| defaults.vcpus))
            .unwrap_or(0),
        memory_mb: spec
            .memory_mb
            .or(defaults.map(|defaults| defaults.memory_mb))
            .unwrap_or(0),
    };
    Ok((resources, None))
}

/// Refuses to change what is frozen in a snapshot.
fn locked(spec: &SandboxSpec, resources: Resources) -> Result<(), Rejection> {
    for (field, asked, has) in [
        ("vcpus", spec.vcpus, resources.vcpus),
        ("memory_mb", spec.memory_mb, resources.memory_mb),
    ] {
        if let Some(asked) = asked.filter(|asked| *asked != has) {
            let rule = format!(
                "{} is a snapshot with {has}, which cannot be changed; leave it out",
                spec.template
            );
            return Err(Rejection::invalid(field, asked, rule));
        }
    }
    Ok(())
}
