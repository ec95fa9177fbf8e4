//! Pauses and resumes: what they wait for, what they are refused, and what a paused sandbox answers.

use std::time::Duration;

use roost_gateway::Limits;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::{World, limits};

/// A sandbox with this script.
async fn scripted(world: &World, script: &str, auto_resume: bool) -> String {
    let body = json!({"template": "base", "metadata": {"script": script}, "auto_resume": auto_resume});
    let made = world.create(&body).send().await.ok(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn act(world: &World, id: &str, action: &str, body: &Value) -> Answer {
    world
        .post(&format!("/v1/sandboxes/{id}/{action}"), body)
        .send()
        .await
}

async fn get(world: &World, id: &str) -> Value {
    world.get(&format!("/v1/sandboxes/{id}")).send().await.ok(200)
}

#[tokio::test]
async fn a_paused_sandbox_is_told_as_one_and_runs_again() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let bare = world.call(axum::http::Method::POST, &format!("/v1/sandboxes/{id}/pause"));
    let paused = bare.send().await;
    let told = paused.ok(200);
    assert_eq!(
        (&told["state"], &told["expires_at"]),
        (&json!("paused"), &Value::Null)
    );
    assert_eq!(
        told["snapshots"][0],
        json!({"id": told["paused_as"], "bytes": 4096})
    );
    assert_eq!(told["sequence"], paused.sequence());
    assert_eq!(get(&world, &id).await, told);
    let list = world.get("/v1/sandboxes?state=paused").send().await.ok(200);
    assert_eq!(list["sandboxes"][0]["id"], id);

    // Nothing to do.
    let again = act(&world, &id, "pause", &json!({})).await.ok(200);
    assert_eq!(but_its_place(again), but_its_place(told.clone()));

    let resumed = act(&world, &id, "resume", &json!({"timeout_sec": 1000}))
        .await
        .ok(200);
    assert_eq!(
        (&resumed["state"], &resumed["generation"]),
        (&json!("running"), &json!(2))
    );
    assert_eq!(
        (&resumed["restored_from"], &resumed["paused_as"]),
        (&told["paused_as"], &Value::Null)
    );
    assert_eq!(resumed["started_at"], told["started_at"], "it is the same life");
    let end: jiff::Timestamp = resumed["expires_at"].as_str().unwrap().parse().unwrap();
    assert!((end.as_second() - jiff::Timestamp::now().as_second() - 1000).abs() <= 1);
    let bare = world.call(axum::http::Method::POST, &format!("/v1/sandboxes/{id}/resume"));
    assert_eq!(
        bare.send().await.ok(200)["expires_at"],
        resumed["expires_at"],
        "it runs already"
    );
    assert_eq!(world.exec(&id, "echo").await.ok(200)["exit_code"], 0);
}

/// A sandbox without what a command changes that asked for what was so: where its last commit stands, and when.
pub(crate) fn but_its_place(mut sandbox: Value) -> Value {
    let fields = sandbox.as_object_mut().unwrap();
    fields.remove("sequence");
    fields.remove("updated_at");
    sandbox
}

#[tokio::test]
async fn one_key_pauses_once() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let path = format!("/v1/sandboxes/{id}");
    let pause = || world.post(&format!("{path}/pause"), &json!({})).key("k1").send();
    let resume = || world.post(&format!("{path}/resume"), &json!({})).key("k2").send();
    let (one, other) = tokio::join!(pause(), pause());
    assert_eq!(one.ok(200), other.ok(200));
    resume().await.ok(200);
    assert_eq!(
        pause().await.ok(200),
        one.ok(200),
        "the same pause, which is over"
    );
    let now = world.get(&path).send().await.ok(200);
    assert_eq!(now["state"], "running");
    assert_eq!(resume().await.ok(200)["generation"], 2);
    let other = world
        .post(&format!("{path}/resume"), &json!({}))
        .key("k1")
        .send()
        .await;
    assert!(other.error(409, "conflict").contains("k1"));
    let longer = world.post(&format!("{path}/resume"), &json!({"timeout_sec": 9}));
    longer.key("k2").send().await.error(409, "conflict");
}

#[tokio::test]
async fn a_pause_that_fails_says_why_and_leaves_it_running() {
    let world = World::new().await;
    let id = scripted(&world, "unpausable", false).await;
    let message = act(&world, &id, "pause", &json!({}))
        .await
        .error(500, "pause_failed");
    assert!(
        message.contains(&id) && message.contains("the disk is full"),
        "{message}"
    );
    let told = get(&world, &id).await;
    assert_eq!(told["state"], "running");
    assert!(
        told["cause"]["message"]
            .as_str()
            .unwrap()
            .contains("the disk is full")
    );
    world.exec(&id, "echo").await.ok(200);
}

#[tokio::test]
async fn a_resume_that_fails_says_why_and_leaves_it_paused() {
    let world = World::new().await;
    let id = scripted(&world, "unresumable", false).await;
    let paused = act(&world, &id, "pause", &json!({})).await.ok(200);
    for _ in 0..2 {
        let message = act(&world, &id, "resume", &json!({}))
            .await
            .error(500, "resume_failed");
        assert!(
            message.contains(&id) && message.contains("the disk is full"),
            "{message}"
        );
        let told = get(&world, &id).await;
        assert_eq!(
            (&told["state"], &told["paused_as"]),
            (&json!("paused"), &paused["paused_as"])
        );
    }
    world.delete(&format!("/v1/sandboxes/{id}")).send().await.ok(204);
}

#[tokio::test]
async fn what_takes_too_long_is_told_as_that_and_can_be_waited_for_again() {
    let short = Duration::from_millis(100);
    let world = World::with(Limits {
        seal: short,
        resume: short,
        ..limits()
    })
    .await;
    let id = scripted(&world, "sleepless", false).await;
    for _ in 0..2 {
        let message = act(&world, &id, "pause", &json!({}))
            .await
            .error(504, "deadline_exceeded");
        assert!(message.contains("may still come to be"), "{message}");
    }
    // Neither running nor paused.
    let message = act(&world, &id, "resume", &json!({}))
        .await
        .error(409, "invalid_state");
    assert!(message.contains("pausing"), "{message}");
    act(&world, &id, "fork", &json!({}))
        .await
        .error(409, "invalid_state");

    let id = scripted(&world, "dreaming", false).await;
    act(&world, &id, "pause", &json!({})).await.ok(200);
    for _ in 0..2 {
        act(&world, &id, "resume", &json!({}))
            .await
            .error(504, "deadline_exceeded");
    }
    let message = act(&world, &id, "pause", &json!({}))
        .await
        .error(409, "invalid_state");
    assert!(message.contains("resuming"), "{message}");
}

#[tokio::test]
async fn a_sandbox_that_ends_while_it_is_paused_is_told_as_ended() {
    let world = World::new().await;
    let id = scripted(&world, "lost-asleep", false).await;
    let message = act(&world, &id, "pause", &json!({}))
        .await
        .error(409, "sandbox_ended");
    assert!(
        message.contains("lost") && message.contains("the disk is full"),
        "{message}"
    );
    for action in ["pause", "resume", "fork"] {
        let message = act(&world, &id, action, &json!({}))
            .await
            .error(409, "invalid_state");
        assert!(message.contains("lost"), "{message}");
    }
}

#[tokio::test]
async fn a_paused_sandbox_refuses_what_needs_it_running_and_says_what_to_do() {
    let world = World::new().await;
    let id = world.sandbox().await;
    act(&world, &id, "pause", &json!({})).await.ok(200);
    let path = format!("/v1/sandboxes/{id}");
    for call in [
        world.post(&format!("{path}/exec"), &json!({"cmd": "echo"})),
        world.post(&format!("{path}/timeout"), &json!({"timeout_sec": 5})),
        world
            .call(axum::http::Method::PUT, &format!("{path}/network"))
            .json(&json!({})),
        world.post(&format!("{path}/files/stat"), &json!({"path": "/"})),
        world.get(&format!("{path}/files/stream/read?path=/a")),
        world.get(&format!("{path}/processes")),
        world.post(
            &format!("{path}/processes/p1/signal"),
            &json!({"signal": "SIGTERM"}),
        ),
    ] {
        let message = call.send().await.error(409, "invalid_state");
        assert!(
            message.contains("paused") && message.contains("/resume"),
            "{message}"
        );
    }
    assert_eq!(get(&world, &id).await["state"], "paused");
}

#[tokio::test]
async fn a_host_without_room_resumes_nothing_until_it_has() {
    let world = World::new().await;
    let large = json!({"template": "base", "memory_mb": 8000});
    let id = world.create(&large).send().await.ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    act(&world, &id, "pause", &json!({})).await.ok(200);
    let other = world.create(&large).send().await.ok(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let full = act(&world, &id, "resume", &json!({})).await;
    full.error(429, "no_capacity");
    assert_ne!(full.header("Retry-After"), "");
    world
        .delete(&format!("/v1/sandboxes/{other}"))
        .send()
        .await
        .ok(204);
    act(&world, &id, "resume", &json!({})).await.ok(200);
}

#[tokio::test]
async fn times_and_bodies_that_cannot_be_are_refused() {
    let world = World::new().await;
    let id = world.sandbox().await;
    act(&world, &id, "pause", &json!({})).await.ok(200);
    for (body, named) in [
        (json!({"timeout_sec": 0}), "timeout_sec"),
        (json!({"timeout_sec": 604_801}), "timeout_sec"),
        (json!({"timeout_sec": -1}), "timeout_sec"),
        (json!({"timeout": 5}), "timeout"),
        (json!(5), "body"),
    ] {
        let message = act(&world, &id, "resume", &body)
            .await
            .error(400, "invalid_request");
        assert!(message.contains(named), "{body}: {message}");
    }
    assert_eq!(get(&world, &id).await["state"], "paused");
}

#[tokio::test]
async fn a_pause_and_a_resume_at_once_end_in_one_of_both_states() {
    let world = World::new().await;
    let id = world.sandbox().await;
    let none = json!({});
    for _ in 0..10 {
        let (paused, resumed) = tokio::join!(
            act(&world, &id, "pause", &none),
            act(&world, &id, "resume", &none)
        );
        paused.ok(200);
        // It came before the pause, after it, or in the middle.
        if resumed.status != 200 {
            assert!(resumed.error(409, "invalid_state").contains("pausing"));
        }
        act(&world, &id, "resume", &json!({})).await.ok(200);
        assert_eq!(get(&world, &id).await["state"], "running");
    }
}

/// How often the sandbox was resumed.
async fn resumes(world: &World, id: &str) -> usize {
    let path = format!("/v1/sandboxes/{id}/events?limit=1000");
    let events = world.get(&path).send().await.ok(200);
    let events = events["events"].as_array().unwrap().iter();
    events.filter(|event| event["type"] == "resuming").count()
}

#[tokio::test]
async fn requests_resume_a_sandbox_that_was_made_so_once() {
    let world = World::new().await;
    let id = scripted(&world, "", true).await;
    let paused = act(&world, &id, "pause", &json!({})).await.ok(200);
    assert_eq!(paused["auto_resume"], true);
    let execs = (0..20).map(|_| world.exec(&id, "echo"));
    for answer in futures::future::join_all(execs).await {
        answer.ok(200);
    }
    assert_eq!(resumes(&world, &id).await, 1);
    let told = get(&world, &id).await;
    let end: jiff::Timestamp = told["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(end.as_second() - jiff::Timestamp::now().as_second() >= 298);
    // And again, the next time.
    act(&world, &id, "pause", &json!({})).await.ok(200);
    world.exec(&id, "echo").await.ok(200);
    assert_eq!(resumes(&world, &id).await, 2);
}

#[tokio::test]
async fn a_resume_for_a_request_that_fails_is_the_requests_answer_and_is_not_repeated_at_once() {
    let world = World::new().await;
    let id = scripted(&world, "unresumable", true).await;
    act(&world, &id, "pause", &json!({})).await.ok(200);
    for _ in 0..5 {
        let message = world.exec(&id, "echo").await.error(500, "resume_failed");
        assert!(message.contains("the disk is full"), "{message}");
    }
    assert_eq!(resumes(&world, &id).await, 1);
    // Who asks for it outright has it tried.
    act(&world, &id, "resume", &json!({}))
        .await
        .error(500, "resume_failed");
    assert_eq!(resumes(&world, &id).await, 2);
}
