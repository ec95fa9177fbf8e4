//! What sandboxes use, asked of a scripted edge.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use roost_schemas::{SandboxId, edge};
use serde_json::{Value, json};

use super::sandbox;
use crate::host::open_edge;
use crate::world::{World, tokens};

/// An edge behind which every agent tells the same; it holds requests to what an edge asks for.
async fn serve(answer: fn() -> Response) -> SocketAddr {
    let metrics = get(async move |headers: HeaderMap| {
        let header = |name: &str| {
            headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
                .to_owned()
        };
        let id = SandboxId::new(header(edge::SANDBOX)).unwrap();
        assert_eq!(header(edge::PORT), "49983");
        assert_eq!(header(edge::TOKEN), tokens().edge());
        assert_eq!(header("x-access-token"), tokens().access(&id));
        answer()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/metrics", metrics);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// As the agent tells it; newer agents tell more.
fn measured() -> Value {
    json!({
        "ts": 1_700_000_000, "cpu_count": 1, "cpu_used_pct": 12.5, "mem_total": 1000, "mem_used": 400, "mem_cache": 100,
        "mem_total_mib": 0, "mem_used_mib": 0, "disk_used": 10, "disk_total": 2000,
    })
}

async fn world(answer: fn() -> Response) -> World {
    let world = World::new().await;
    let address = serve(answer).await;
    open_edge(&world.ports, &format!("http://{address}")).await;
    world
}

#[tokio::test]
async fn a_sandbox_tells_what_it_uses_now() {
    let world = world(|| axum::Json(measured()).into_response()).await;
    let id = sandbox(&world).await;
    let sample = json!({
        "timestamp": "2023-11-14T22:13:20.000Z", "timestampUnix": 1_700_000_000, "cpuCount": 1, "cpuUsedPct": 12.5,
        "memUsed": 400, "memTotal": 1000, "memCache": 100, "diskUsed": 10, "diskTotal": 2000,
    });
    let path = format!("/sandboxes/{id}/metrics");
    assert_eq!(world.get(&path).send().await.ok(200), json!([sample]));
    for (query, there) in [
        ("start=1700000000&end=1700000000", true),
        ("start=1", true),
        ("start=1700000001", false),
        ("end=1699999999", false),
    ] {
        let wanted = if there { json!([sample]) } else { json!([]) };
        assert_eq!(
            world.get(&format!("{path}?{query}")).send().await.ok(200),
            wanted,
            "{query}"
        );
    }
    let ended = sandbox(&world).await;
    world.delete(&format!("/sandboxes/{ended}")).send().await.ok(204);
    let of_ended = world.get(&format!("/sandboxes/{ended}/metrics")).send().await;
    assert_eq!(of_ended.ok(200), json!([]));
    let of_all = world
        .get(&format!("/sandboxes/metrics?sandbox_ids={id},{ended},nosuch"))
        .send()
        .await;
    assert_eq!(of_all.ok(200), json!({"sandboxes": {id: sample}}));
    world.get("/sandboxes/nosuch/metrics").send().await.refused(404);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let many = vec!["a"; 101].join(",");
    for query in [
        format!("/sandboxes/{id}/metrics?start=-1"),
        format!("/sandboxes/{id}/metrics?start=9223372036854775808"),
        format!("/sandboxes/{id}/metrics?end=x"),
        "/sandboxes/metrics".to_owned(),
        "/sandboxes/metrics?sandbox_ids=".to_owned(),
        "/sandboxes/metrics?sandbox_ids=A".to_owned(),
        format!("/sandboxes/metrics?sandbox_ids={many}"),
    ] {
        world.get(&query).send().await.refused(400);
    }
}

#[tokio::test]
async fn an_agent_that_does_not_tell_is_an_error_of_its_sandbox_alone() {
    for answer in [
        || StatusCode::BAD_GATEWAY.into_response(),
        || "not what agents tell".into_response(),
        || "x".repeat(1 << 20).into_response(),
    ] as [fn() -> Response; 3]
    {
        let world = world(answer).await;
        let id = sandbox(&world).await;
        let alone = world.get(&format!("/sandboxes/{id}/metrics")).send().await;
        assert!(alone.refused(503).contains(&id));
        assert!(!alone.header("Retry-After").is_empty());
        let of_all = world
            .get(&format!("/sandboxes/metrics?sandbox_ids={id}"))
            .send()
            .await;
        assert_eq!(of_all.ok(200), json!({"sandboxes": {}}));
    }
    let no_edge = World::new().await;
    let id = sandbox(&no_edge).await;
    let message = no_edge
        .get(&format!("/sandboxes/{id}/metrics"))
        .send()
        .await
        .refused(503);
    assert!(message.contains("no edge"), "{message}");
}
