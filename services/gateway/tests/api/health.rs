//! Whether the gateway knows how it is.

use std::sync::Arc;
use std::time::Duration;

use roost_gateway::{Limits, Ports};
use roost_journal::memory::Memory;
use roost_journal::port::{Append, Journal};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{HostEvent, Payload};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, HostId, SandboxId, Sequence, TenantId, Timestamp};
use serde_json::json;

use crate::host::Host;
use crate::world::{LONG, World, limits, over};

async fn append<E: Payload>(
    journal: &dyn Journal,
    subject: &EventSubject,
    expected: u64,
    event: E,
) -> Sequence {
    let commit = Commit {
        command_id: CommandId::random(),
        schema_version: SCHEMA_VERSION,
        at: Timestamp(1),
        principal: "test".into(),
        events: vec![event],
    };
    let payload = commit.encode().into();
    let stored = journal
        .append(subject, Sequence(expected), &commit.command_id, payload)
        .await;
    match stored.unwrap() {
        Append::Stored(sequence) => sequence,
        Append::Conflict(newer) => panic!("{newer:?}"),
    }
}

#[tokio::test]
async fn it_is_well_when_it_has_read_the_log_and_needs_no_key() {
    let world = World::new().await;
    let health = world.get("/health").without("X-API-Key").send().await.ok(200);
    assert_eq!(health["status"], "ok");
    assert_eq!(health["sequence"], health["head"]);
}

#[tokio::test]
async fn a_projection_that_stopped_answers_nothing_stale() {
    let log = Memory::default();
    let ports = over(&log).await;
    let host = Host::start(&ports).await;
    let limits = Limits {
        catch_up: Duration::from_millis(50),
        ..limits()
    };
    let world = World::over(ports, limits, Some(host));
    let id = world.sandbox().await;
    log.journal().lose_after(Sequence(1));
    world.ports.fleet.stopped().await;
    let health = world.get("/health").send().await.ok(503);
    assert_eq!(health["status"], "stopped");
    assert!(
        health["message"].as_str().unwrap().contains("commits were lost"),
        "{health}"
    );
    for path in [
        "/v1/sandboxes",
        &format!("/v1/sandboxes/{id}"),
        &format!("/v1/sandboxes/{id}/events"),
    ] {
        let message = world.get(path).send().await.error(503, "unavailable");
        assert!(message.contains("commits were lost"), "{message}");
    }
    world.exec(&id, "echo").await.error(503, "unavailable");
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_503_and_everything_else_goes_on() {
    let world = World::new().await;
    let (poisoned, other) = (world.sandbox().await, world.sandbox().await);
    let path = format!("/v1/sandboxes/{poisoned}");
    let expected = world.get(&path).send().await.ok(200)["sequence"]
        .as_u64()
        .unwrap();
    let subject = EventSubject::sandbox(
        TenantId::new("default").unwrap(),
        SandboxId::new(&poisoned).unwrap(),
    );
    let bad = append(&*world.ports.journal, &subject, expected, HostEvent::Drained).await;
    assert!(world.ports.fleet.wait_for(bad, LONG).await);

    let reason = format!("commit {bad} cannot be read");
    for call in [
        world.get(&path),
        world.get(&format!("{path}/events")),
        world.get(&format!("{path}/processes")),
        world.delete(&path),
        world.post(&format!("{path}/exec"), &json!({"cmd": "echo"})),
        world.post(&format!("{path}/files/read"), &json!({"path": "/etc/passwd"})),
    ] {
        let message = call.send().await.error(503, "unavailable");
        assert!(message.contains(&reason), "{message}");
    }
    let e2b = world.get(&format!("/sandboxes/{poisoned}")).send().await;
    assert_eq!(e2b.ok(503)["code"], 503);

    assert_eq!(world.exec(&other, "echo").await.ok(200)["exit_code"], 0);
    let third = world.sandbox().await;
    world
        .delete(&format!("/v1/sandboxes/{third}"))
        .send()
        .await
        .ok(204);
    let list = world.get("/v1/sandboxes").send().await.ok(200);
    let ids: Vec<_> = list["sandboxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [&json!(other)]);
    let log = world.get("/v1/log").send().await.ok(200);
    assert_eq!(log["unreadable"][0]["subject"], subject.to_string());
    assert_eq!(log["unreadable"][0]["sequence"], bad.0);
    let health = world.get("/health").send().await.ok(200);
    assert!(
        health["message"].as_str().unwrap().contains("/v1/log"),
        "{health}"
    );
}

#[tokio::test]
async fn a_gateway_that_follows_another_log_is_behind() {
    let (log, other) = (Memory::default(), Memory::default());
    let host = EventSubject {
        tenant: TenantId::system(),
        aggregate: AggregateId::Host(HostId::new("h9").unwrap()),
    };
    append(&log.journal(), &host, 0, HostEvent::Drained).await;
    let ports = Ports {
        journal: Arc::new(log.journal()),
        queue: Arc::new(log.queue()),
        output: Arc::new(log.output()),
        fleet: FleetHandle::start(Arc::new(other.journal()), None).await,
    };
    let world = World::over(
        ports,
        Limits {
            catch_up: Duration::from_millis(50),
            ..limits()
        },
        None,
    );
    assert_eq!(world.get("/health").send().await.ok(503)["status"], "behind");
    world.get("/v1/sandboxes").send().await.error(503, "unavailable");
}
