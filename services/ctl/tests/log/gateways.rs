//! What a running gateway shows, against the log.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use roost_gateway::auth::ApiKey;
use roost_gateway::{Gateway, Limits, Ports, front, router, serve};
use roost_journal::port::Journal;
use roost_runtime::fleet::FleetHandle;
use roost_schemas::event::HostEvent;
use tokio::net::TcpListener;

use crate::world::{Ran, World, host};

const KEY: &str = "of-these-tests";

/// A gateway on that log.
async fn gateway(world: &World) -> SocketAddr {
    let journal: Arc<dyn Journal> = Arc::new(world.log.journal());
    let fleet = FleetHandle::start(Arc::clone(&journal), None).await;
    fleet.catch_up(&*journal, Duration::from_secs(30)).await.unwrap();
    let ports = Ports {
        journal,
        queue: Arc::new(world.log.queue()),
        output: Arc::new(world.log.output()),
        fleet,
    };
    let tokens = "5a".repeat(32).parse().unwrap();
    let key = ApiKey::new(KEY).unwrap();
    let gateway = Gateway::new(ports, key, tokens, "test".to_owned(), Limits::default());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let front = front(gateway.clone(), router(gateway));
    tokio::spawn(serve(listener, front, std::future::pending(), Limits::default()));
    address
}

async fn verify(world: &World, gateway: SocketAddr, key: &str) -> Ran {
    let nats = world.server.url();
    let url = format!("http://{gateway}");
    let args = [
        "log",
        "verify",
        "--nats",
        &nats,
        "--gateway",
        &url,
        "--api-key",
        key,
    ]
    .map(str::to_owned);
    // The gateway runs in this process, and must not wait for the command to end.
    let run = move || crate::world::roost(&args.each_ref().map(String::as_str));
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_agrees_with_its_own_log_and_no_other() {
    let world = World::with(3).await;
    let gateway = gateway(&world).await;
    let said = verify(&world, gateway, KEY).await.well();
    assert!(said.contains("the same at sequence 10"), "{said}");
    // One that cannot be read is in neither's fold.
    world
        .by_hand("roost.evt.default.sandbox.s0", &[], b"by hand")
        .await;
    world.commit(&host("h2"), 0, HostEvent::Drained).await;
    let said = verify(&world, gateway, KEY).await.badly();
    assert!(
        said.contains("the same at sequence ") && said.contains("1 problems"),
        "{said}"
    );

    let said = verify(&World::with(4).await, gateway, KEY).await.badly();
    assert!(said.contains("the log comes to"), "{said}");
    let said = verify(&World::with(1).await, gateway, KEY).await.badly();
    assert!(said.contains("but the log ends at 4"), "{said}");
    let refused = verify(&world, gateway, "wrong").await;
    assert_eq!(refused.code, Some(4), "{}", refused.said);
}
