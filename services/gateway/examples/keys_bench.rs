//! What asking whose key it is adds to a request: a hundred tenants with limits and ten thousand keys, over the log in
//! memory, in this process.
//!
//! `cargo run --release -p roost-gateway --example keys_bench`
//!
//! Both requests end where the key is asked for: one without any is refused at once, one with a key that may only read,
//! sent as a write, after its holder was found, counted and held to its scope. The difference is the check. Run it with
//! `--release`; it fails when the bar is missed.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use roost_gateway::auth::ApiKey;
use roost_gateway::{Gateway, Limits, Ports, router};
use roost_journal::memory::Memory;
use roost_journal::port::{Append, Journal};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::TenantEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::tenant::{self, Key, Scope};
use roost_schemas::token::TokenKey;
use roost_schemas::{CommandId, KeyId, Sequence, TenantId, Timestamp};
use tower::ServiceExt as _;

const TENANTS: usize = 100;
const KEYS: usize = 100;
const ROUNDS: usize = 20_000;
const BAR: Duration = Duration::from_micros(50);
const LONG: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let memory = Memory::default();
    let tokens: TokenKey = "5a".repeat(32).parse()?;
    let mut last = Sequence::default();
    for number in 0..TENANTS {
        last = fill(&memory, &tokens, number).await?;
    }
    let app = app(&memory, tokens, last).await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // A step that meets every tenant before it meets one twice.
        let secret = secret(round % TENANTS, round * 7 % KEYS);
        without.push(time(&app, None, StatusCode::UNAUTHORIZED).await?);
        with.push(time(&app, Some(&secret), StatusCode::FORBIDDEN).await?);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let added = median(&mut with).saturating_sub(median(&mut without));
    let met = added <= BAR;
    println!(
        "keys: {} of them; a check adds {:.1} µs at the median (bar {} µs): {}",
        TENANTS * KEYS,
        added.as_secs_f64() * 1e6,
        BAR.as_micros(),
        if met { "ok" } else { "MISSED" }
    );
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A tenant that may send as much as a bench does, and its keys.
async fn fill(memory: &Memory, tokens: &TokenKey, number: usize) -> Result<Sequence> {
    let limits = tenant::Limits {
        requests_per_sec: Some(1_000_000),
        ..tenant::Limits::default()
    };
    let keys = (0..KEYS).map(|key| {
        Ok(TenantEvent::KeyCreated(Key {
            id: KeyId::new(format!("k{key}"))?,
            name: "bench".to_owned(),
            hash: tokens.key_hash(&secret(number, key)),
            scope: Scope::Read,
            created_at: Timestamp::now(),
            expires_at: Some(Timestamp::now().plus(Duration::from_hours(1))),
        }))
    });
    let events = std::iter::once(Ok(TenantEvent::Created(limits))).chain(keys);
    let commit = Commit {
        command_id: CommandId::random(),
        schema_version: SCHEMA_VERSION,
        at: Timestamp::now(),
        principal: "bench".to_owned(),
        events: events.collect::<Result<_>>()?,
    };
    let subject = EventSubject::tenant(TenantId::new(format!("t{number}"))?);
    let id = commit.command_id.clone();
    let appended = memory
        .journal()
        .append(&subject, Sequence::default(), &id, commit.encode().into())
        .await?;
    match appended {
        Append::Stored(sequence) => Ok(sequence),
        Append::Conflict(_) => anyhow::bail!("{subject} was there before"),
    }
}

/// A key of the form that real ones have.
fn secret(tenant: usize, key: usize) -> String {
    format!("e2b_{:040x}", tenant * KEYS + key)
}

async fn app(memory: &Memory, tokens: TokenKey, last: Sequence) -> Result<Router> {
    let fleet = FleetHandle::start(Arc::new(memory.journal()), None).await;
    ensure!(
        fleet.wait_for(last, LONG).await,
        "the log is not folded in {LONG:?}"
    );
    let ports = Ports {
        journal: Arc::new(memory.journal()),
        queue: Arc::new(memory.queue()),
        output: Arc::new(memory.output()),
        fleet,
    };
    let operator = ApiKey::new("operator")?;
    let domain = "localhost".to_owned();
    Ok(router(Gateway::new(
        ports,
        operator,
        tokens,
        domain,
        Limits::default(),
    )))
}

async fn time(app: &Router, key: Option<&str>, expected: StatusCode) -> Result<Duration> {
    let mut request = Request::builder().method("POST").uri("/v1/sandboxes");
    if let Some(key) = key {
        request = request.header("X-API-Key", key);
    }
    let request = request.body(Body::empty())?;
    let began = Instant::now();
    let answer = app.clone().oneshot(request).await.context("the router answers")?;
    let took = began.elapsed();
    ensure!(
        answer.status() == expected,
        "{} instead of {expected}",
        answer.status()
    );
    Ok(took)
}
