//! Requests for sandboxes that are paused: refused as dead, or resumed for.

use roost_runtime::port::Edge as _;
use roost_schemas::{Generation, Owner, SandboxId};
use serde_json::{Value, json};

use super::stage::{Stage, listen, mirror, refused};
use crate::world::tokens;

async fn pause(stage: &Stage) {
    let path = format!("/v1/sandboxes/{}/pause", stage.id);
    stage.world.post(&path, &json!({})).send().await.ok(200);
}

async fn state(stage: &Stage) -> Value {
    let told = stage
        .world
        .get(&format!("/v1/sandboxes/{}", stage.id))
        .send()
        .await
        .ok(200);
    told["state"].clone()
}

fn sandbox(mut body: Value) -> Value {
    body["template"] = json!("base");
    body
}

/// Opens the edge for the placement that the next resume makes, as its host would.
fn open_again(stage: &Stage) {
    let owner = Owner {
        sandbox: SandboxId::new(&stage.id).unwrap(),
        generation: Generation(2),
    };
    stage.edge.open(&owner, stage.guest);
}

#[tokio::test]
async fn a_paused_sandbox_is_not_found_unless_it_was_made_to_resume() {
    let stage = Stage::new().await;
    let port = stage.mirror().await;
    pause(&stage).await;
    for name in [stage.name(port), stage.name(49983)] {
        let answer = stage.get(&name, "/health", "").await;
        assert_eq!(
            refused(&answer, 502),
            json!({"sandboxId": stage.id, "message": "The sandbox was not found", "code": 502})
        );
    }
    assert_eq!(state(&stage).await, "paused");
}

#[tokio::test]
async fn many_requests_resume_it_once_and_all_are_answered() {
    let stage = Stage::with(sandbox(json!({"auto_resume": true}))).await;
    let port = stage.mirror().await;
    pause(&stage).await;
    open_again(&stage);
    let name = stage.name(port);
    let asked = (0..30).map(|_| stage.get(&name, "/x", ""));
    for answer in futures::future::join_all(asked).await {
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("GET /x"),
            "{answer}"
        );
    }
    let events = format!("/v1/sandboxes/{}/events", stage.id);
    let events = stage.world.get(&events).send().await.ok(200);
    let events = events["events"].as_array().unwrap().clone();
    let resumes = events.iter().filter(|event| event["type"] == "resuming");
    assert_eq!(resumes.count(), 1);
}

#[tokio::test]
async fn who_could_not_come_in_wakes_nobody() {
    let private = sandbox(json!({"auto_resume": true, "network": {"public": false}}));
    let stage = Stage::with(private).await;
    let port = stage.mirror().await;
    listen((stage.guest, 49983).into(), mirror).await;
    pause(&stage).await;
    open_again(&stage);
    let id = SandboxId::new(&stage.id).unwrap();
    for (port, headers) in [
        (port, String::new()),
        (port, "e2b-traffic-access-token: other\r\n".to_owned()),
        (49983, String::new()),
        (49983, "x-access-token: other\r\n".to_owned()),
        (
            49983,
            format!("e2b-traffic-access-token: {}\r\n", tokens().traffic(&id)),
        ),
    ] {
        let answer = stage.get(&stage.name(port), "/health", &headers).await;
        assert_eq!(refused(&answer, 403)["sandboxId"], stage.id);
        assert_eq!(state(&stage).await, "paused");
    }
    let forged = stage.get("localhost", "/files?path=a&signature=v1_x", "").await;
    refused(&forged, 401);
    assert_eq!(state(&stage).await, "paused");
    let token = format!("x-access-token: {}\r\n", tokens().access(&id));
    let answer = stage.get(&stage.name(49983), "/health", &token).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(state(&stage).await, "running");
}

#[tokio::test]
async fn a_signed_url_resumes_the_sandbox_that_has_signed_it() {
    use base64::Engine;
    use sha2::Digest;

    let stage = Stage::with(sandbox(json!({"auto_resume": true}))).await;
    listen((stage.guest, 49983).into(), mirror).await;
    pause(&stage).await;
    open_again(&stage);
    let token = tokens().access(&SandboxId::new(&stage.id).unwrap());
    let hash = sha2::Sha256::digest(format!("/a:read::{token}"));
    let signature = base64::prelude::BASE64_STANDARD_NO_PAD
        .encode(hash)
        .replace('+', "%2B");
    let path = format!("/files?path=%2Fa&signature=v1_{signature}");
    let answer = stage.get("localhost", &path, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(state(&stage).await, "running");
}

#[tokio::test]
async fn a_resume_that_fails_is_answered_as_a_dead_sandbox() {
    let body = sandbox(json!({"auto_resume": true, "metadata": {"script": "unresumable"}}));
    let stage = Stage::with(body).await;
    pause(&stage).await;
    let answer = stage.get(&stage.name(80), "/", "").await;
    assert_eq!(refused(&answer, 502)["message"], "The sandbox was not found");
    assert_eq!(state(&stage).await, "paused");
}

#[tokio::test]
async fn a_host_without_room_says_so() {
    let body = sandbox(json!({"auto_resume": true, "memory_mb": 8000}));
    let stage = Stage::with(body.clone()).await;
    pause(&stage).await;
    stage.world.create(&body).send().await.ok(201);
    let answer = stage.get(&stage.name(80), "/", "").await;
    assert_eq!(refused(&answer, 429)["sandboxId"], stage.id);
    assert!(answer.contains("retry-after"), "{answer}");
}
