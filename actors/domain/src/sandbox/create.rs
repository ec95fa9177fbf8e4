//! `Create`: admit a request and note where the router placed it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use roost_schemas::Generation;
use roost_schemas::command::Create;
use roost_schemas::event::{Placed, Requested, SandboxEvent};
use roost_schemas::spec::{MAX_PAIR_BYTES, MAX_PAIRS, MEMORY_MB, Resources, SandboxSpec, TIMEOUT_SEC, VCPUS};

use super::{Phase, Sandbox};
use crate::Rejection;

pub(super) fn decide(sandbox: &Sandbox, create: &Create) -> Result<Vec<SandboxEvent>, Rejection> {
    if sandbox.phase != Phase::Absent {
        return Err(Rejection::AlreadyExists);
    }
    check_spec(&create.spec)?;
    let placement = create.placement.as_ref().ok_or_else(|| {
        Rejection::invalid(
            "placement",
            "absent",
            "a create goes to \"any\", where the router places it",
        )
    })?;
    check_resources(placement.resources)?;
    Ok(vec![
        SandboxEvent::Requested(Requested {
            spec: create.spec.clone(),
            resources: placement.resources,
            from: placement.from.clone(),
        }),
        SandboxEvent::Placed(Placed {
            host: placement.host.clone(),
            generation: Generation::default().next(),
        }),
    ])
}

/// Refuses vCPUs and memory that no sandbox can have.
pub fn check_resources(resources: Resources) -> Result<(), Rejection> {
    within("vcpus", resources.vcpus, VCPUS)?;
    within("memory_mb", resources.memory_mb, MEMORY_MB)
}

/// Refuses a request that no sandbox can be.
pub fn check_spec(spec: &SandboxSpec) -> Result<(), Rejection> {
    within("timeout_sec", spec.timeout_sec, TIMEOUT_SEC)?;
    check_pairs("metadata", &spec.metadata)?;
    check_env("env", &spec.env)?;
    super::set_network::check(&spec.network)
}

/// Refuses environment variables that no process could be given.
pub(super) fn check_env(field: &'static str, env: &BTreeMap<String, String>) -> Result<(), Rejection> {
    check_pairs(field, env)?;
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Rejection::invalid(
                field,
                name,
                "a variable's name is not empty and has no = and no NUL",
            ));
        }
        if value.contains('\0') {
            return Err(Rejection::invalid(field, value, "a variable's value has no NUL"));
        }
    }
    Ok(())
}

/// Refuses labels or variables that are too many, or too long.
pub(crate) fn check_pairs(field: &'static str, pairs: &BTreeMap<String, String>) -> Result<(), Rejection> {
    if pairs.len() > MAX_PAIRS {
        return Err(Rejection::invalid(
            field,
            pairs.len(),
            format!("at most {MAX_PAIRS} pairs"),
        ));
    }
    let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_PAIR_BYTES {
        return Err(Rejection::invalid(
            field,
            bytes,
            format!("at most {MAX_PAIR_BYTES} bytes of keys and values"),
        ));
    }
    Ok(())
}

pub(super) fn within(field: &'static str, value: u32, range: RangeInclusive<u32>) -> Result<(), Rejection> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        value,
        format!("use {} to {}", range.start(), range.end()),
    ))
}
