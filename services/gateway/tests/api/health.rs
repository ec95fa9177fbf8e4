//! Whether the gateway knows how it is.

use std::sync::Arc;
use std::time::Duration;

use roost_gateway::{Limits, Ports};
use roost_journal::memory::Memory;
use roost_journal::port::Journal;
use roost_runtime::fleet::FleetHandle;
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::SandboxEvent;
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{CommandId, HostId, Sequence, TenantId, Timestamp};

use crate::world::{World, limits};

/// A commit that no reader can decode, as its place in the log.
async fn poison(journal: &dyn Journal) {
    let host = AggregateId::Host(HostId::new("h9").unwrap());
    let subject = EventSubject {
        tenant: TenantId::system(),
        aggregate: host,
    };
    let commit = Commit {
        command_id: CommandId::random(),
        schema_version: SCHEMA_VERSION,
        at: Timestamp(1),
        principal: "test".into(),
        events: vec![SandboxEvent::Stopped],
    };
    journal
        .append(&subject, Sequence(0), &commit.command_id, commit.encode().into())
        .await
        .unwrap();
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
    let world = World::with(Limits {
        catch_up: Duration::from_millis(50),
        ..limits()
    })
    .await;
    let id = world.sandbox().await;
    poison(&*world.ports.journal).await;
    let health = world.get("/health").send().await.ok(503);
    assert_eq!(health["status"], "stopped");
    assert!(
        health["message"]
            .as_str()
            .unwrap()
            .contains("roost.evt.system.host.h9"),
        "{health}"
    );
    for path in [
        "/v1/sandboxes",
        &format!("/v1/sandboxes/{id}"),
        &format!("/v1/sandboxes/{id}/events"),
    ] {
        let message = world.get(path).send().await.error(503, "unavailable");
        assert!(message.contains("does not decode"), "{message}");
    }
    world.exec(&id, "echo").await.error(503, "unavailable");
}

#[tokio::test]
async fn a_gateway_that_follows_another_log_is_behind() {
    let (log, other) = (Memory::default(), Memory::default());
    poison(&log.journal()).await;
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
