//! How long a gateway that has lost its state folder takes to be up to date: a million commits of a real nats-server,
//! folded into the fleet and saved in sled, as the gateway does it.
//!
//! `cargo run --release -p roost-runtime --example fold_bench`
//!
//! Run it with `--release`; it fails when the bar is missed, or when a second reader of the same log comes to another
//! digest.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::{self as raw, message::PublishMessage};
use roost_journal::checkpoint::{Checkpoint, SledCheckpoint};
use roost_journal::jetstream::connect;
use roost_journal::port::Journal;
use roost_journal::testing::{NATS_CONF, NatsServer};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::EventSubject;
use roost_schemas::{CommandId, Digest, SandboxId, Sequence, TenantId, Timestamp};
use serde_json::{Value, json};

const COMMITS: u64 = 1_000_000;
const BAR: Duration = Duration::from_secs(20);
/// Sandboxes that live at the same time; their commits take turns in the log.
const AT_ONCE: usize = 100;
/// Publishes under way while the log is filled.
const WINDOW: usize = 1000;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let server = filled().await?;
    let (took, digest) = fold(&server).await?;
    let (again, second) = fold(&server).await?;
    ensure!(
        digest == second,
        "the same log came to {digest}, and then to {second}"
    );
    let best = took.min(again);
    let met = best <= BAR;
    let verdict = if met { "ok" } else { "MISSED" };
    println!(
        "fold: {COMMITS} commits in {:.1} s, then in {:.1} s (bar {:.0} s): {verdict}",
        took.as_secs_f64(),
        again.as_secs_f64(),
        BAR.as_secs_f64()
    );
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// From nothing to the last commit.
async fn fold(server: &NatsServer) -> Result<(Duration, Digest)> {
    let log = connect(server.options()).await?;
    let folder = tempfile::tempdir()?;
    let checkpoint: Arc<dyn Checkpoint> =
        Arc::new(SledCheckpoint::open(folder.path().join("checkpoint")).await?);
    let journal: Arc<dyn Journal> = Arc::new(log.journal());
    let began = Instant::now();
    let fleet = FleetHandle::start(journal, Some(checkpoint)).await;
    ensure!(
        fleet.wait_for(Sequence(COMMITS), BAR * 10).await,
        "the log was read up to {} only",
        fleet.applied()
    );
    let took = began.elapsed();
    fleet.stop().await;
    let digest = fleet.digest().1;
    log.close().await;
    Ok((took, digest))
}

/// A server with the commits. They are written without syncing, or filling would take longer than all the rest.
async fn filled() -> Result<NatsServer> {
    let mut server = NatsServer::start();
    connect(server.options()).await?.close().await;
    server.restart_with(&NATS_CONF.replace("sync_interval: always", "sync_interval: \"2m\""));
    let context = raw::new(async_nats::connect(server.url()).await?);
    let life = life()?;
    let mut window = Vec::with_capacity(WINDOW);
    for number in 0..usize::try_from(COMMITS)? {
        let (crowd, place) = (number / (AT_ONCE * life.len()), number % (AT_ONCE * life.len()));
        let id = SandboxId::new(format!("sb{}", crowd * AT_ONCE + place % AT_ONCE))?;
        let commit = Commit {
            command_id: CommandId::random(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(1_700_000_000_000 + number as u64),
            principal: "host:bench".to_owned(),
            events: life[place / AT_ONCE].clone(),
        };
        let publish = PublishMessage::build()
            .message_id(commit.command_id.as_str())
            .payload(commit.encode().into());
        let subject = EventSubject::sandbox(TenantId::new("default")?, id);
        window.push(context.send_publish(subject.to_string(), publish).await?);
        if window.len() == WINDOW {
            for stored in window.drain(..) {
                stored.await?;
            }
        }
    }
    for stored in window {
        stored.await?;
    }
    server.restart_with(NATS_CONF);
    Ok(server)
}

/// The commits of one sandbox: made, three programs run in it, ended.
fn life() -> Result<Vec<Vec<SandboxEvent>>> {
    let spec = json!({"template": "base", "timeout_sec": 300, "metadata": {"user": "u1"}, "env": {"LANG": "C.UTF-8"}});
    let resources = json!({"vcpus": 2, "memory_mb": 512});
    let mut commits = vec![
        json!([
            {"type": "requested", "data": {"spec": spec, "resources": resources}},
            {"type": "placed", "data": {"host": "h1", "generation": 1}},
        ]),
        json!([{"type": "starting", "data": {"generation": 1}}]),
        json!([{"type": "running", "data": {
            "generation": 1, "engine": "firecracker", "engine_version": "1.16.1", "boot_ms": 130,
            "started_at": 1_700_000_000_000_u64, "expires_at": 1_700_000_300_000_u64,
        }}]),
    ];
    for process in ["p1", "p2", "p3"] {
        commits.push(json!([{"type": "process_started", "data": {
            "process": process, "cmd": "/usr/bin/python3", "args": ["-c", "print('hello')"], "timeout_sec": 60,
        }}]));
        commits.push(json!([{"type": "process_exited", "data": {
            "process": process, "status": {"how": "exited", "code": 0}, "duration_ms": 40,
            "stdout_bytes": 6, "stderr_bytes": 0,
        }}]));
    }
    commits.push(json!([{"type": "stopping", "data": {"reason": "requested"}}]));
    commits.push(json!([{"type": "stopped"}]));
    let read =
        |commit: Value| serde_json::from_value(commit).context("an event of the bench is not one of ours");
    commits.into_iter().map(read).collect()
}
