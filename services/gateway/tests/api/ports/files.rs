//! Signed URLs of files that name no sandbox.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use roost_runtime::port::Edge as _;
use roost_schemas::envd;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::stage::{Stage, listen, mirror, owner, refused, rest, send};
use crate::world::tokens;

/// The path and query of a signed URL, as E2B's SDKs make it.
fn url(id: &str, operation: &str) -> String {
    let token = tokens().access(&owner(id).sandbox);
    let digest = Sha256::digest(format!("/tmp/a b:{operation}:user:{token}:1900000000"));
    let signature = STANDARD_NO_PAD
        .encode(digest)
        .replace('+', "%2B")
        .replace('/', "%2F");
    format!("/files?path=%2Ftmp%2Fa+b&username=user&signature=v1_{signature}&signature_expiration=1900000000")
}

#[tokio::test]
async fn they_reach_the_sandbox_that_has_signed_them() {
    let stage = Stage::new().await;
    listen((stage.guest, envd::PORT).into(), mirror).await;
    // Another one that runs; its own URL would go to it.
    let other = stage.world.sandbox().await;
    let read = url(&stage.id, "read");
    let seen = stage.get("127.0.0.1:8080", &read, "").await;
    assert!(seen.contains(&format!("GET {read} HTTP/1.1")), "{seen}");
    let write = url(&stage.id, "write");
    let request =
        format!("POST {write} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let seen = rest(&mut send(stage.address, &request).await).await;
    assert!(seen.contains(&format!("POST {write} HTTP/1.1")), "{seen}");
    let elsewhere = stage.get("127.0.0.1:8080", &url(&other, "read"), "").await;
    // Its host has not opened it, so it is reached in vain; but it is the one that was meant.
    assert_eq!(refused(&elsewhere, 503)["sandboxId"], json!(other));
}

#[tokio::test]
async fn what_nobody_who_runs_has_signed_is_refused() {
    let stage = Stage::new().await;
    listen((stage.guest, envd::PORT).into(), mirror).await;
    for path in [
        url("nosuch", "read"),
        url(&stage.id, "write"),
        url(&stage.id, "read").replace("a+b", "c"),
        "/files?path=a&signature=v1_".to_owned(),
    ] {
        let body = refused(&stage.get("127.0.0.1:8080", &path, "").await, 401);
        assert_eq!(body["code"], 401, "{path}");
    }
    stage.edge.close(&owner(&stage.id));
    stage
        .world
        .delete(&format!("/v1/sandboxes/{}", stage.id))
        .send()
        .await
        .ok(204);
    refused(
        &stage.get("127.0.0.1:8080", &url(&stage.id, "read"), "").await,
        401,
    );
}
