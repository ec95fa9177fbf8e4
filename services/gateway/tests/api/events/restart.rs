//! A stream that goes on at another gateway, over a real nats-server.

use std::sync::Arc;

use roost_gateway::Ports;
use roost_journal::jetstream::{Connection, connect};
use roost_journal::testing::NatsServer;
use roost_runtime::fleet::FleetHandle;

use super::reader::{Writer, open, whole};
use crate::ports::stage::listening;
use crate::world::{World, limits};

async fn gateway(connection: &Connection) -> World {
    let ports = Ports {
        journal: Arc::new(connection.journal()),
        queue: Arc::new(connection.queue()),
        output: Arc::new(connection.output()),
        fleet: FleetHandle::start(Arc::new(connection.journal()), None).await,
    };
    World::over(ports, limits(), None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missing_from_one_gateway_to_the_next() {
    let server = NatsServer::start();
    let connection = connect(server.options()).await.unwrap();
    let world = gateway(&connection).await;
    let address = listening(&world).await;
    let mut writer = Writer::new(&world.ports, "default", "s1");
    let first = writer.write(300).await - 299;
    let mut reader = open(address, "/v1/events").await;
    let writing = tokio::spawn(async move { writer.write(600).await });
    let mut told = reader.until(first + 349).await;
    world.gateway.close_streams();
    let (stood, code) = loop {
        match reader.next().await {
            Ok(message) if message["type"] == "end" => {
                let stood = message["sequence"].as_u64().unwrap();
                break (stood, reader.next().await.unwrap_err().0);
            }
            Ok(event) => told.push(event),
            Err(close) => panic!("{close:?}"),
        }
    };
    assert_eq!(code, 1001);
    let next = gateway(&connection).await;
    let address = listening(&next).await;
    let mut reader = open(address, &format!("/v1/events?after={stood}")).await;
    let last = writing.await.unwrap();
    told.extend(reader.until(last).await);
    assert_eq!(whole(&told), (first..=last).collect::<Vec<_>>());
}
