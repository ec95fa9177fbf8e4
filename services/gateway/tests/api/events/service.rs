//! The read service over a real nats-server, as a tenant's client uses it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, HeaderMap};
use roost_gateway::{Ports, answer_reads};
use roost_journal::jetstream::{Connection, connect};
use roost_journal::testing::NatsServer;
use roost_runtime::fleet::FleetHandle;
use roost_schemas::codec;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::reader::{Writer, whole};
use crate::world::{World, limits};

struct Stage {
    world: World,
    client: Client,
    _connection: Connection,
    server: NatsServer,
}

impl Stage {
    async fn new() -> Self {
        let server = NatsServer::start();
        let connection = connect(server.options()).await.unwrap();
        let ports = Ports {
            journal: Arc::new(connection.journal()),
            queue: Arc::new(connection.queue()),
            output: Arc::new(connection.output()),
            fleet: FleetHandle::start(Arc::new(connection.journal()), None).await,
        };
        let world = World::over(ports, limits(), None);
        let client = connection.client();
        tokio::spawn(answer_reads(world.gateway.clone(), client.clone()));
        let stage = Self {
            world,
            client,
            _connection: connection,
            server,
        };
        // Until its subscription is there, nobody answers.
        while stage
            .client
            .request("roost.read.default", "".into())
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage
    }

    async fn ask(&self, tenant: &str, read: &Value) -> Value {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/json");
        let subject = format!("roost.read.{tenant}");
        let body = read.to_string().into();
        let answer = self
            .client
            .request_with_headers(subject, headers, body)
            .await
            .unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_as_soon_as_the_server_does() {
    let mut stage = Stage::new().await;
    let last = Writer::new(&stage.world.ports, "acme", "s1").write(1).await;
    let waits = json!({"after": last, "wait_ms": 30_000});
    let waited = timeout(Duration::from_millis(200), stage.ask("acme", &waits)).await;
    assert!(waited.is_err());
    stage.server.kill();
    stage.server.restart();
    let mut writer = Writer::new(&stage.world.ports, "acme", "s2");
    let (last, page) = timeout(Duration::from_secs(8), async {
        let last = writer.write(1).await;
        (last, stage.ask("acme", &json!({"after": last - 1})).await)
    })
    .await
    .unwrap();
    assert_eq!(whole(page["events"].as_array().unwrap()), [last]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_reads_its_tenant_s_events_in_either_encoding() {
    let stage = Stage::new().await;
    let last = Writer::new(&stage.world.ports, "acme", "s1").write(3).await;
    Writer::new(&stage.world.ports, "other", "s2").write(3).await;
    let page = stage.ask("acme", &json!({"types": ["stopped"]})).await;
    assert_eq!(
        whole(page["events"].as_array().unwrap()),
        [last - 2, last - 1, last]
    );
    assert_eq!(
        (&page["next_after"], &page["more"]),
        (&json!(last), &json!(false))
    );
    let read = codec::encode(&json!({"after": last - 1}));
    let answer = stage
        .client
        .request("roost.read.acme", read.into())
        .await
        .unwrap();
    let packed: Value = codec::decode("page", &answer.payload).unwrap();
    assert_eq!(whole(packed["events"].as_array().unwrap()), [last]);
    assert_eq!(packed["events"][0], page["events"][4]);
    let nobody = stage.ask("nobody", &json!({})).await;
    assert_eq!(nobody["events"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_waits_for_something_to_tell() {
    let stage = Stage::new().await;
    let mut writer = Writer::new(&stage.world.ports, "acme", "s1");
    let first = writer.write(1).await;
    let read = json!({"after": first, "wait_ms": 20_000});
    let (page, last) = tokio::join!(stage.ask("acme", &read), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        writer.write(1).await
    });
    assert_eq!(whole(page["events"].as_array().unwrap()), [last]);
    let began = Instant::now();
    let nothing = stage.ask("acme", &json!({"after": last, "wait_ms": 200})).await;
    assert_eq!(
        (&nothing["events"], &nothing["next_after"]),
        (&json!([]), &json!(last))
    );
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_amiss_is_told_and_nothing_is_carried_to_our_own_subjects() {
    let stage = Stage::new().await;
    for (read, code) in [
        (json!({"tenant": "other"}), "invalid_request"),
        (json!({"after": "soon"}), "invalid_request"),
        (json!({"after": 1_000_000}), "sequence_ahead"),
        (json!({"limit": 0}), "invalid_request"),
        (json!({"types": ["A"]}), "invalid_request"),
    ] {
        let answer = stage.ask("acme", &read).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    let target = "roost.cmd.system.any.tenants";
    let queued = stage.client.subscribe(target).await.unwrap();
    let ask = stage
        .client
        .publish_with_reply("roost.read.acme", target, "".into());
    ask.await.unwrap();
    // Asked after it, and answered.
    stage.ask("acme", &json!({})).await;
    let mut queued = queued;
    let carried = tokio::time::timeout(Duration::from_millis(200), futures::StreamExt::next(&mut queued));
    assert!(carried.await.is_err(), "nothing is published there");
}
