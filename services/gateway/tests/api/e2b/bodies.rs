//! Bodies: chunked, too large, of another kind, not JSON.

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use futures::stream;
use serde_json::json;

use super::sandbox;
use crate::world::World;

#[tokio::test]
async fn a_body_in_chunks_is_read() {
    let world = World::new().await;
    let chunks =
        ["{\"templateID\":", "\"base\"", "}"].map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk)));
    let body = Body::from_stream(stream::iter(chunks));
    world
        .call(Method::POST, "/v2/sandboxes")
        .text(body)
        .send()
        .await
        .ok(201);
    let id = sandbox(&world).await;
    let empty = Body::from_stream(stream::empty::<Result<Bytes, std::io::Error>>());
    let call = world.call(Method::POST, &format!("/v2/sandboxes/{id}/connect"));
    call.text(empty).send().await.ok(200);
}

#[tokio::test]
async fn what_is_no_json_of_the_right_kind_is_refused() {
    let world = World::new().await;
    let id = sandbox(&world).await;
    let routes = [
        (Method::POST, "/sandboxes".to_owned()),
        (Method::POST, "/v2/sandboxes".to_owned()),
        (Method::POST, format!("/sandboxes/{id}/connect")),
        (Method::POST, format!("/v2/sandboxes/{id}/connect")),
        (Method::POST, format!("/sandboxes/{id}/timeout")),
        (Method::POST, format!("/sandboxes/{id}/refreshes")),
        (Method::POST, format!("/sandboxes/{id}/pause")),
        (Method::PUT, format!("/sandboxes/{id}/network")),
    ];
    for (method, path) in &routes {
        let call = || world.call(method.clone(), path);
        for body in ["{", "{} {}", "\u{0}", "[[[[", "{\"a\": 01}"] {
            call().text(body).send().await.refused(400);
        }
        call().text(&b"{\"\xff\": 1}"[..]).send().await.refused(400);
        call().text("[".repeat(100_000)).send().await.refused(400);
        call()
            .text("{}")
            .header("Content-Type", "text/plain")
            .send()
            .await
            .refused(415);
        call()
            .header("Content-Length", &(256 * 1024 + 1).to_string())
            .send()
            .await
            .refused(413);
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096])));
        call().text(Body::from_stream(endless)).send().await.refused(413);
    }
    for body in [
        json!([]),
        json!(null),
        json!("x"),
        json!({}),
        json!({"templateID": 1}),
    ] {
        world.post("/v2/sandboxes", &body).send().await.refused(400);
    }
}
