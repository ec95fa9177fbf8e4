//! The same over a real nats-server.

use std::sync::Arc;

use roost_gateway::Ports;
use roost_journal::jetstream::{Connection, connect};
use roost_journal::testing::NatsServer;
use roost_runtime::fleet::FleetHandle;
use serde_json::json;

use crate::host::Host;
use crate::world::{World, limits};

pub(crate) async fn ports(connection: &Connection) -> Ports {
    Ports {
        journal: Arc::new(connection.journal()),
        queue: Arc::new(connection.queue()),
        output: Arc::new(connection.output()),
        fleet: FleetHandle::start(Arc::new(connection.journal()), None).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_s_life_over_jetstream() {
    let server = NatsServer::start();
    let connection = connect(server.options()).await.unwrap();
    let ports = ports(&connection).await;
    let host = Host::start(&ports).await;
    let world = World::over(ports, limits(), Some(host));

    let request = json!({"template": "base"});
    let (first, second) = tokio::join!(
        world.create(&request).key("k1").send(),
        world.create(&request).key("k1").send()
    );
    let id = first.ok(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(second.ok(201)["id"], id);

    let exec = || {
        world
            .post(
                &format!("/v1/sandboxes/{id}/exec"),
                &json!({"cmd": "echo", "args": ["a"]}),
            )
            .key("k2")
    };
    let result = exec().send().await.ok(200);
    assert_eq!(result["stdout"], "a");
    assert_eq!(exec().send().await.ok(200), result);
    let flood = world.exec(&id, "flood").await.ok(200);
    assert_eq!(flood["truncated"], true);
    world.exec(&id, "missing").await.error(422, "command_not_started");
    world
        .create(&json!({"template": "nosuch"}))
        .send()
        .await
        .error(404, "not_found");

    let deleted = world.delete(&format!("/v1/sandboxes/{id}")).send().await;
    deleted.ok(204);
    let health = world.get("/health").send().await.ok(200);
    assert_eq!(health["status"], "ok");
    let events = world
        .get(&format!("/v1/sandboxes/{id}/events"))
        .send()
        .await
        .ok(200);
    let last = events["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["type"], &last["sequence"]),
        (&json!("stopped"), &json!(deleted.sequence()))
    );
}
